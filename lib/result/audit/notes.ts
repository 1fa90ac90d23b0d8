/** What did not decide, but may have touched the figures of a run. */
import { closure } from "./closure.ts";
import type { Evidence } from "./evidence.ts";
import { formatCount } from "../../text/units.ts";
import { briefUs, percent, plural } from "../../text/words.ts";
import { LATE_US } from "./bottleneck.ts";

/** Shares of the machine's CPUs that are worth a word, in percent. */
const STEAL = 5;
const OTHERS = 25;
/** A generator that stood still for so long has made the highest latencies itself. In milliseconds. */
const STALL_MS = 50;
/** A lag that is no bottleneck yet, but a good part of the latencies. In microseconds. */
const LAG_US = 1000;
/** Segments sent again, as a share of the messages. */
const AGAIN = 0.001;

/** Each a clause, the gravest first. `reason` is what was said already. */
export function notes(run: Evidence, reason: string | null): string[] {
  if (run.connect.count === 0) return [];
  const all = [
    reason === null ? lag(run) : null,
    closure(run),
    reason === null ? stall(run) : null,
    steal(run),
    others(run),
    overflows(run),
    sentAgain(run),
  ];
  return all.filter((note) => note !== null);
}

function lag({ open, ownLag, corrected }: Evidence): string | null {
  if (!open || ownLag.p99 < LAG_US || ownLag.p99 < 0.5 * (corrected?.p99 ?? 0)) return null;
  const rest = ownLag.p99 > LATE_US ? ", but the run was too short to judge it" : "";
  const late = briefUs(ownLag.p99);
  return `messages left up to ${late} late (p99), which is most of the corrected p99${rest}`;
}

function stall({ longestStallMs }: Evidence): string | null {
  if (longestStallMs < STALL_MS) return null;
  const longest = briefUs(longestStallMs * 1000);
  return `the generator stood still for up to ${longest}, which its highest latencies include`;
}

function steal({ cpu }: Evidence): string | null {
  if (cpu === null || cpu.steal === null || cpu.steal < STEAL * cpu.cpus) return null;
  return `its host took ${percent(cpu.steal / cpu.cpus)} of this machine's CPU time (steal)`;
}

function others({ cpu, local, embedded }: Evidence): string | null {
  if (cpu === null || cpu.machine === null) return null;
  const share = (cpu.machine - cpu.process) / cpu.cpus;
  if (share < OTHERS) return null;
  return `other programs used ${percent(share)} of this machine's CPUs` +
    (local && !embedded ? ", the target among them" : "");
}

function overflows({ kernel, local, connect }: Evidence): string | null {
  const risen = kernel?.ListenOverflows ?? 0;
  if (!local || risen === 0 || connect.max >= 500_000) return null;
  return `an accept queue of this machine overflowed ${plural(risen, "time")}`;
}

function sentAgain({ kernel, sent }: Evidence): string | null {
  const again = kernel?.RetransSegs ?? 0;
  if (again < 10 || again < AGAIN * sent) return null;
  const late = kernel?.TCPTimeouts ?? 0;
  return `${formatCount(again)} segments were sent again` +
    (late > 0 ? `, ${formatCount(late)} of them after a timeout of 200 ms or more` : "");
}
