/** What `iomux probe` does: misbehaving clients against a target, and a matrix of how it took them. */
import { wakeDescriptor } from "../../selectors/waker.ts";
import { SERVE_DEFAULTS } from "../../serve/options.ts";
import type { Spawn } from "../../serve/server.ts";
import type { Stats } from "../../serve/stats.ts";
import {
  connectionsOf,
  PROFILE_NAMES,
  type ProfileMessage,
  type ProfileName,
  type ProfileRow,
  type ProfileSettings,
  type Refusal,
  type SpawnProbe,
  WITNESSES,
} from "../../probe/plan.ts";
import { closeFd } from "../../sys/posix.ts";
import { UsageError } from "../exit.ts";
import { initialValues } from "../options/option.ts";
import { chooseTarget } from "../options/target.ts";
import { noSuch } from "../options/values.ts";
import { checkWritable } from "../results/files.ts";
import { interruptible } from "../signals.ts";
import { STRESS } from "../stress/command.ts";
import { checkSettings } from "../stress/context.ts";
import { planOf, targetOf } from "../stress/session.ts";
import { readSettings, tlsFor } from "../stress/settings.ts";
import { formatSize } from "../../text/units.ts";
import type { ProbeRead } from "./command.ts";
import { type Outcome, report } from "./report.ts";

const MISBEHAVING = 6;
/** Bytes that a target may take from clients that never read; the kernel's buffers are part of it. */
const LIMIT = 256 * 2 ** 20;

/** What a load has that a probe says nothing of. */
const NO_LOAD = initialValues(STRESS.options);

/** What the command line names: a target, if the first word is one, and profiles. @throws UsageError */
function operandsOf(
  words: readonly string[],
): { target: string | undefined; profiles: ProfileName[] } {
  const [first] = words;
  const target = first !== undefined && /[:.]/.test(first) ? first : undefined;
  return { target, profiles: readProfiles(target === undefined ? words : words.slice(1)) };
}

/** The profiles that are named; all without a name. @throws UsageError */
function readProfiles(names: readonly string[]): ProfileName[] {
  for (const name of names) {
    if ((PROFILE_NAMES as readonly string[]).includes(name)) continue;
    throw new UsageError(`${noSuch("profile ", name, PROFILE_NAMES)}; a target is HOST:PORT`);
  }
  return PROFILE_NAMES.filter((name) => names.length === 0 || names.includes(name));
}

/** Runs the profiles, prints the matrix, and returns the exit code. */
export async function run(read: ProbeRead, spawn: Spawn & SpawnProbe): Promise<number> {
  const { options, given } = read;
  const { target: operand, profiles } = operandsOf(read.operands);
  const chosen = chooseTarget(operand, read);
  const tls = tlsFor(chosen, read);
  const misbehaving = options.connections ?? MISBEHAVING;
  const settings = readSettings(
    { ...NO_LOAD, ...options, ...chosen, tls, connections: misbehaving },
    given,
  );
  await checkSettings({ ...settings, connections: misbehaving + WITNESSES + 1 });
  checkWritable(options.output);
  return await interruptible(async (interruption) => {
    const connections = connectionsOf(profiles.length, misbehaving);
    const { target, name, server } = await targetOf(
      { ...settings, connections },
      spawn,
      interruption,
    );
    try {
      const plan = planOf({ ...settings, connections }, target);
      const outcome = await perform(
        { plan, profiles, misbehaving, limit: LIMIT },
        interruption,
        spawn,
        (row) => server && row.name === "never-read" ? audit(row, server.stats()) : row,
      );
      return await report(
        { target: name, interrupted: interruption.aborted, ...outcome },
        profiles,
        read,
      );
    } finally {
      await server?.stop();
    }
  });
}

/** Runs them in a thread, which an interruption ends after what it has done so far. */
function perform(
  settings: ProfileSettings,
  interruption: AbortSignal,
  spawn: SpawnProbe,
  completed: (row: ProfileRow) => ProfileRow,
): Promise<Outcome> {
  const control = new SharedArrayBuffer(4);
  const rows: ProfileRow[] = [];
  let refusal: Refusal | null = null;
  let wakeFd: number | undefined;
  const interrupt = () => {
    Atomics.store(new Int32Array(control), 0, 1);
    if (wakeFd !== undefined) wakeDescriptor(wakeFd);
  };
  interruption.addEventListener("abort", interrupt);
  if (interruption.aborted) interrupt();
  return new Promise<Outcome>((resolve, reject) => {
    let ended = false;
    let failure: Error | undefined;
    const thread = spawn("probe", { settings, control });
    thread.on("error", (error) => failure = error);
    thread.on("exit", (code) => {
      if (ended && !failure) resolve({ rows, refusal });
      else reject(failure ?? new Error(`The thread of the probe ended with code ${code}, unasked`));
    });
    thread.on("message", (message: ProfileMessage) => {
      if (message.type === "ready") {
        wakeFd = message.wakeFd;
        if (interruption.aborted) wakeDescriptor(wakeFd);
      } else if (message.type === "row") rows.push(completed(message.row));
      else if (message.type === "end") {
        refusal = message.refusal;
        ended = true;
      }
    });
  }).finally(() => {
    interruption.removeEventListener("abort", interrupt);
    if (wakeFd !== undefined) closeFd(wakeFd);
  });
}

/** Of the embedded server it is known what it has queued for a client that does not read. */
function audit(row: ProfileRow, { max_buffered: queued }: Stats): ProfileRow {
  const limit = SERVE_DEFAULTS.maxBuffer;
  const observed = `${row.observed}; queued ${formatSize(queued)} for one of them`;
  if (queued <= limit) return { ...row, observed };
  const reason = `queued ${formatSize(queued)} for one connection, and may no more than ` +
    formatSize(limit);
  return { ...row, ok: false, observed, reasons: [...row.reasons, reason] };
}
