/** `--profile NAME`: misbehaving clients against a target, and a matrix of how it took them. */
import { writeFileSync } from "node:fs";
import { parseHostPort } from "../../net/mod.ts";
import { wake } from "../../selectors/mod.ts";
import { SERVE_DEFAULTS } from "../../serve/options.ts";
import type { Spawn } from "../../serve/server.ts";
import type { Stats } from "../../serve/stats.ts";
import { didYouMean } from "../../text/nearest.ts";
import { formatMatrix } from "../../probe/matrix.ts";
import {
  connectionsOf,
  PROFILE_NAMES,
  type ProfileMessage,
  type ProfileName,
  type ProfileRow,
  type ProfileSettings,
  type Refusal,
  WITNESSES,
} from "../../probe/plan.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import { closeFd } from "../../sys/posix.ts";
import { EXIT, UsageError } from "../exit.ts";
import { err, out } from "../output.ts";
import { checkWritable } from "../stress/reports.ts";
import { checkSettings, interruptible, type StressFlags } from "../stress/run.ts";
import { isEmbedded, planOf, resolveTarget, startEmbedded } from "../stress/session.ts";
import { withAdvice } from "../options/tls.ts";
import { formatDuration, formatSize } from "../../text/units.ts";
import { VERSION } from "../version.ts";

/** A multiple of the three ways to reset. */
const MISBEHAVING = 6;
/** Bytes that a target may take from clients that never read; the kernel's buffers are part of it. */
const LIMIT = 256 * 2 ** 20;

/** Options that say something of the target or of its messages; the others are about loads. */
const USED: ReadonlySet<string> = new Set([
  ...["profile", "unix", "connections", "timeout", "size", "message", "messageFile", "expect"],
  ...["pipeline", "seed", "source", "clientSelector", "selector", "service", "serverWorkers"],
  ...["tls", "tlsCa", "tlsInsecure", "json"],
]);

/** The profiles that a text names. @throws UsageError */
export function readProfiles(text: string): ProfileName[] {
  const names = text.split(",").map((name) => name.trim());
  const known: readonly string[] = [...PROFILE_NAMES, "all"];
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new UsageError(
      `option '--profile': there is no "${name}"${didYouMean(name, known)}; ` +
        `there are ${known.join(", ")}`,
    );
  }
  return PROFILE_NAMES.filter((name) => names.includes(name) || names.includes("all"));
}

/** What came of all of them. */
interface Outcome {
  readonly rows: ProfileRow[];
  readonly refusal: Refusal | null;
}

/** Runs the profiles, prints the matrix, and returns the exit code. */
export async function runProfile(
  flags: StressFlags,
  text: string,
  spawn: Spawn & SpawnLoad,
): Promise<number> {
  const { given, settings } = flags;
  const profiles = readProfiles(text);
  for (const name of given) {
    if (USED.has(name)) continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`option '--${flag}' is for loads; '--profile' has clients of its own`);
  }
  const misbehaving = given.has("connections") ? settings.connections : MISBEHAVING;
  await checkSettings({ ...settings, connections: misbehaving + WITNESSES + 1 });
  checkWritable({ json: flags.json });
  return await interruptible(spawn, async ({ interruption, endLive }) => {
    const { target, unix, timeout } = settings;
    const connections = connectionsOf(profiles.length, misbehaving);
    const destination = target !== undefined && unix === undefined
      ? await resolveTarget(target, timeout)
      : undefined;
    const server = isEmbedded(settings)
      ? await startEmbedded({ ...settings, connections }, spawn)
      : undefined;
    try {
      const plan = planOf(
        { ...settings, connections },
        unix !== undefined ? { path: unix } : destination ?? parseHostPort(server!.name),
      );
      const name = server?.name ?? target ?? `unix:${unix}`;
      const outcome = await perform(
        { plan, profiles, misbehaving, limit: LIMIT },
        interruption,
        spawn,
        (row) => server && row.name === "never-read" ? audit(row, server.stats()) : row,
      );
      endLive();
      report(name, outcome, profiles, interruption.aborted, flags.json);
      return exitCodeOf(outcome);
    } finally {
      await server?.stop();
    }
  });
}

/** Runs them in a thread, which an interruption ends after what it has done so far. */
function perform(
  settings: ProfileSettings,
  interruption: AbortSignal,
  spawn: SpawnLoad,
  completed: (row: ProfileRow) => ProfileRow,
): Promise<Outcome> {
  const control = new SharedArrayBuffer(4);
  const rows: ProfileRow[] = [];
  let refusal: Refusal | null = null;
  let wakeFd: number | undefined;
  const interrupt = () => {
    Atomics.store(new Int32Array(control), 0, 1);
    if (wakeFd !== undefined) wake({ wakeFd });
  };
  interruption.addEventListener("abort", interrupt);
  if (interruption.aborted) interrupt();
  return new Promise<Outcome>((resolve, reject) => {
    let ended = false;
    let failure: Error | undefined;
    const thread = spawn("profile", { settings, control });
    thread.on("error", (error) => failure = error);
    thread.on("exit", (code) => {
      if (ended && !failure) resolve({ rows, refusal });
      else reject(failure ?? new Error(`The profiles' thread ended with code ${code}, unasked`));
    });
    thread.on("message", (message: ProfileMessage) => {
      if (message.type === "ready") {
        wakeFd = message.wakeFd;
        if (interruption.aborted) wake({ wakeFd });
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

/** What to do about a target that does not serve anybody. */
const ADVICE = {
  silent: "; --message and --expect say what it is asked and what it answers",
  gone: "; --message and --expect say what it is asked and what it answers",
  wrong: "", // the verdict of the oracle, or a target that speaks first
} as const;

/** Of the embedded server it is known what it has queued for whoever did not read. */
function audit(row: ProfileRow, { max_buffered: queued }: Stats): ProfileRow {
  const limit = SERVE_DEFAULTS.maxBuffer;
  const observed = `${row.observed}; queued ${formatSize(queued)} for one of them`;
  if (queued <= limit) return { ...row, observed };
  const reason = `queued ${formatSize(queued)} for one connection, and may no more than ` +
    formatSize(limit);
  return { ...row, ok: false, observed, reasons: [...row.reasons, reason] };
}

function report(
  target: string,
  { rows, refusal }: Outcome,
  profiles: readonly ProfileName[],
  interrupted: boolean,
  json: string | undefined,
): void {
  if (refusal) {
    const what = refusal.kind === "unreachable"
      ? withAdvice(refusal.code ?? "", refusal.reason)
      : `${target} ${refusal.reason}${ADVICE[refusal.kind]}`;
    err(`iomux: ${what}\n`);
  }
  const ok = refusal === null && rows.every((row) => row.ok);
  const text = JSON.stringify(
    {
      ...{ iomux: VERSION, target, interrupted, refusal, profiles: rows },
      verdict: ok ? "pass" : "fail",
    },
    null,
    2,
  ) + "\n";
  if (json === "-") return out(text);
  if (json !== undefined) writeFileSync(json, text);
  if (refusal) return;
  const failed = rows.filter((row) => !row.ok).length;
  const left = profiles.length - rows.length;
  out(`target   ${target}\n\n`);
  out(formatMatrix(rows, formatDuration));
  out(
    `\nverdict  ${ok ? "pass" : "fail"}: ${
      rows.length - failed
    } of ${rows.length} profiles passed` +
      `${left > 0 ? `, ${left} not run (interrupted)` : ""}\n`,
  );
}

const REFUSALS = {
  silent: EXIT.timeout,
  gone: EXIT.peerGone,
  wrong: EXIT.verification,
} as const;

/** Wrong bytes are 6, as ever; another reaction than the expected one is 7, as a threshold is. */
function exitCodeOf({ rows, refusal }: Outcome): number {
  if (refusal?.kind === "unreachable") {
    if (refusal.code?.startsWith("TLS_")) return EXIT.failed;
    return refusal.code === "ETIMEDOUT" ? EXIT.timeout : EXIT.unreachable;
  }
  if (refusal) return REFUSALS[refusal.kind];
  if (rows.some((row) => row.first_mismatch !== null)) return EXIT.verification;
  return rows.every((row) => row.ok) ? EXIT.ok : EXIT.threshold;
}
