/**
 * Was it the generator that limited a run? docs/audit.md says what is looked at, and why the thresholds
 * are what they are.
 */
import { type Evidence, serverCpu } from "./evidence.ts";
import { formatCount } from "../../text/units.ts";
import { briefUs, percent, plural } from "../../text/words.ts";

/** Above this a thread has no time left to send earlier. In percent of one CPU. */
export const SATURATED = 95;
/** A server in this process that used so much of what the generator used was as busy. */
const AS_BUSY = 0.9;
/** Shorter runs are mostly start-up, and say nothing of either side. One of a second can begin to count a little late. */
export const MIN_SECONDS = 0.99;
/**
 * Messages of an open loop may leave this late, at p99: a loop that is woken, and finds replies to take
 * in first, is late by some milliseconds on a busy machine. In microseconds.
 */
export const LATE_US = 10_000;
/** A lag that makes up so much of the latency is what one measures then. */
const MOST = 0.5;
/** Without messages for so much of the time, a closed loop has measured other programs. */
const AWAY = 0.2;
/** So much of a schedule may remain unsent at the end of a run, and of one that is mostly start-up. */
export const UNSENT = 0.01;
const UNSENT_SHORT = 0.1;

/** How a reason begins that blames neither the generator nor the target. */
export const NOTHING = "nothing was measured";

/** Why the generator was the bottleneck; null when it was not. */
export function ownFault(run: Evidence): string | null {
  return withoutPorts(run) ?? withoutDescriptors(run) ?? nothingMeasured(run) ??
    (run.hold || saysTooLittle(run) ? null : lateSchedule(run) ?? noTimeLeft(run));
}

/** A schedule of which much has not left says something, however short the run. */
const saysTooLittle = ({ seconds, unsent, scheduled }: Evidence) =>
  seconds < MIN_SECONDS && unsent <= UNSENT_SHORT * scheduled;

function withoutPorts({ errors }: Evidence): string | null {
  const spent = (errors.EADDRNOTAVAIL ?? 0) + (errors.EADDRINUSE ?? 0);
  if (spent === 0) return null;
  return `${plural(spent, "connect")} found no free local port: spread over more addresses ` +
    "with --source, or widen net.ipv4.ip_local_port_range";
}

function nothingMeasured(run: Evidence): string | null {
  const { rate, paced, hold, failed, timedOut, mismatched, lost, latency, seconds } = run;
  if (!run.counted) {
    const when = run.connect.count < run.requested ? "while it was connecting" : "in its warm-up";
    return failed > 0 ? null : `${NOTHING}: the run ended ${when}`;
  }
  // What the target has done to messages and connections was measured.
  if (failed + timedOut + mismatched + lost > 0) return null;
  const asked = run.askedSeconds ?? seconds;
  // What was answered nevertheless came after the time, in the turn in which its end was noticed.
  const tooShort = paced && !hold && latency.count > 0 && latency.min > asked * 1e6;
  if (rate > 0 && !tooShort) return null;
  const took = `the run took ${briefUs(seconds * 1e6)}`;
  if (latency.count > 0) {
    const quickest = latency.count === 1
      ? "the reply"
      : `the quickest of ${formatCount(latency.count)} replies`;
    return `${NOTHING}: ${quickest} took ${briefUs(latency.min)}, and ` +
      (tooShort ? `--duration was ${briefUs(asked * 1e6)} (${took})` : took);
  }
  const what = paced
    ? `none of ${plural(run.sent, "message")} was answered`
    : "no message was sent";
  return `${NOTHING}: ${what}, and ${took}`;
}

function withoutDescriptors({ errors, openFiles }: Evidence): string | null {
  const refused = (errors.EMFILE ?? 0) + (errors.ENFILE ?? 0);
  if (refused > 0) {
    const limit = openFiles === Infinity ? "" : ` (the limit is ${formatCount(openFiles)})`;
    const found = `${plural(refused, "connect")} found no free descriptor${limit}`;
    return `${found}: raise it with ulimit -n, or share the load over several processes ` +
      "(docs/distributed.md)";
  }
  const memory = (errors.ENOBUFS ?? 0) + (errors.ENOMEM ?? 0);
  if (memory === 0) return null;
  return `${plural(memory, "time")} the kernel had no memory for the generator's sockets`;
}

/** An open loop that does not keep its schedule measures itself, whatever its target does. */
function lateSchedule(run: Evidence): string | null {
  if (!run.open) return null;
  const { ownLag, corrected, unsent, scheduled } = run;
  const mostly = ownLag.p99 >= MOST * (corrected?.p99 ?? 0);
  if (ownLag.p99 <= LATE_US || !mostly) return null;
  const left = unsent > UNSENT * scheduled
    ? `, and ${formatCount(unsent)} of ${formatCount(scheduled)} did not leave at all`
    : "";
  return `messages left up to ${briefUs(ownLag.p99)} late (p99)${left}: ${whyLate(run)}`;
}

function whyLate(run: Evidence): string {
  const { busiest, away, longestStallMs } = run;
  if (busiest >= SATURATED - 5) {
    return `a generator thread used ${percent(busiest)} of a CPU; use more --workers, or a ` +
      "lower --rate";
  }
  if (machineIsFull(run)) return `all CPUs of this machine were in use; ${spare(run)}`;
  if (away > 0 || longestStallMs * 1000 > LATE_US) {
    return `it stood still for up to ${briefUs(longestStallMs * 1000)}; ${spare(run)}`;
  }
  return `a generator thread used ${percent(busiest)} of a CPU and came too late all the same; ` +
    spare(run);
}

const spare = ({ embedded }: Evidence) =>
  embedded
    ? "run the server elsewhere, or use a lower --rate"
    : "the machine has to be less busy, or --rate lower";

/** Whether there was no CPU time to be had, for any reason. */
export function machineIsFull({ cpu }: Evidence): boolean {
  return cpu !== null && cpu.machine !== null && cpu.machine >= SATURATED * cpu.cpus;
}

/** A closed loop, or an open one that waits for room, that could not have been faster. */
function noTimeLeft(run: Evidence): string | null {
  const { busiest, generator, away, seconds } = run;
  const held = run.open && (run.lag.p99 > LATE_US || run.unsent > UNSENT * run.scheduled);
  if (run.open && !held) return null;
  // An embedded server that is just as busy is as much the limit as the generator.
  if (busiest >= SATURATED && serverCpu(run) < AS_BUSY * generator) {
    return `a generator thread used ${percent(busiest)} of a CPU: the target may be faster than ` +
      "this rate; use more --workers";
  }
  if (away < AWAY) return null;
  return `not let run for ${percent(100 * away)} of ${briefUs(seconds * 1e6)}: stopped, ` +
    "or other programs had the CPUs";
}
