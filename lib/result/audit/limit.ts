/** What has limited a run when it was not the generator: one sentence, and what else is worth knowing. */
import { mostlyElsewhere } from "./closure.ts";
import { type Evidence, serverCpu } from "./evidence.ts";
import { formatCount, formatRate } from "../../text/units.ts";
import { briefUs, percent, plural } from "../../text/words.ts";
import { LATE_US, machineIsFull, MIN_SECONDS, UNSENT } from "./bottleneck.ts";

/** Connects wait a second for SYN to be sent again (RFC 6298), once it was dropped. In microseconds. */
const CONNECT_WAITED_US = 500_000;
/** A server that used so much of its CPUs had no time left, in percent of each. */
const BUSY = 90;
/** A thread that uses less of a CPU would not use more of it if it could. */
const WANTS_CPU = 20;
/** A rate that is this close to what was asked is the one that was asked. */
const REACHED = 0.98;
/** A schedule whose connections were lost or spoilt for so much of the time was short of them. */
const LOST = 0.25;
/** Replies that take so many times as long as the fastest have waited behind others. */
const QUEUED = 3;

/** The sentence, for a run that its generator did not limit. */
export function describeLimit(run: Evidence): string {
  return unreachable(run) ?? acceptQueue(run) ?? noReplies(run) ?? noneRight(run) ??
    shortRun(run) ?? held(run) ??
    onSchedule(run) ??
    fullMachine(run) ?? mostlyElsewhere(run) ?? busyServer(run) ??
    (run.open ? slowTarget(run) : closedLoop(run));
}

function unreachable({ failed, connect, errors }: Evidence): string | null {
  if (failed === 0 || connect.count > 0) return null;
  return `connecting: no connection was made (${Object.keys(errors).join(", ")})`;
}

function shortRun({ seconds, hold, open }: Evidence): string | null {
  if (seconds >= MIN_SECONDS || hold || open) return null;
  return `unknown: a run of ${briefUs(seconds * 1e6)} says too little`;
}

function acceptQueue({ kernel, local, connect, failed, errors }: Evidence): string | null {
  const waited = connect.max >= CONNECT_WAITED_US || (failed > 0 && (errors.ETIMEDOUT ?? 0) > 0);
  const again = kernel?.TCPSynRetrans ?? 0;
  if (!waited || again === 0) return null;
  // The counters are of the whole system: they don't say whose queue it was.
  const overflows = local ? kernel?.ListenOverflows ?? 0 : 0;
  const queue = overflows === 0
    ? ""
    : `; an accept queue of this machine overflowed ${plural(overflows, "time")}`;
  return `connecting: SYN had to be sent again ${plural(again, "time")}, and connects waited for ` +
    `up to ${briefUs(connect.max)}; the target's accept queue was full, or the network lost ` +
    `packets${queue}`;
}

function noReplies({ timedOut }: Evidence): string | null {
  if (timedOut === 0) return null;
  return `the target: ${plural(timedOut, "message")} had no reply within --timeout`;
}

function noneRight({ paced, latency, mismatched, lost }: Evidence): string | null {
  if (!paced || latency.count > 0 || mismatched + lost === 0) return null;
  return mismatched > 0
    ? `the target: ${plural(mismatched, "message")} had replies that were wrong or errors, and ` +
      "none had another one"
    : `the target: it ended its connections before it had answered (${plural(lost, "message")})`;
}

function held({ hold, connect }: Evidence): string | null {
  if (!hold) return null;
  return `nothing: the connections were held; a connect took ${briefUs(connect.mean)} on average`;
}

function onSchedule(run: Evidence): string | null {
  const { open, scheduled, unsent, seconds, rate, lag, ownLag, latency } = run;
  if (!open) return null;
  const asked = scheduled / seconds;
  // A reply takes its time, whatever the rate: what was due at the end is answered after it.
  const inTime = asked * (1 - Math.min(1, latency.min / 1e6 / seconds));
  if (unsent > UNSENT * scheduled || rate < REACHED * inTime) return null;
  const held = lag.p99 > LATE_US && lag.p99 > 2 * ownLag.p99
    ? `, though messages waited for up to ${briefUs(lag.p99)} (p99) until a connection could ` +
      "take them"
    : "";
  return rate >= REACHED * asked
    ? `nothing: the asked rate was reached (${formatRate(rate)}/s)${held}`
    : `nothing: the asked rate was sent (${formatRate(asked)}/s), and each reply took ` +
      `${briefUs(latency.min)} or longer, those to the last messages until after the stop${held}`;
}

function fullMachine(run: Evidence): string | null {
  // Who hardly runs does not miss what others have taken.
  if (!machineIsFull(run) || run.busiest < WANTS_CPU) return null;
  const { cpu, embedded, generator } = run;
  const { machine, cpus } = cpu!;
  const server = embedded ? `, its server ${percent(serverCpu(run))}` : "";
  return `the ${plural(cpus, "CPU")} of this machine, which were in use to ` +
    `${percent(machine! / cpus)}: the generator had ${percent(generator)} of one${server}`;
}

function busyServer(run: Evidence): string | null {
  const { embedded } = run;
  if (embedded === null || serverCpu(run) < BUSY * embedded.workers) return null;
  return `the embedded server, which used ${percent(serverCpu(run))} of a CPU with ` +
    `${plural(embedded.workers, "worker")}: more --server-workers may be faster`;
}

function slowTarget(run: Evidence): string {
  const { rate, scheduled, seconds, latency, inFlight, paced } = run;
  const asked = formatRate(scheduled / seconds);
  if (!paced) return `the target, which took ${formatRate(rate)} of ${asked} messages/s`;
  const most = inFlight === null ? "" : `; with ${formatCount(inFlight)} in flight at most ` +
    "(connections times --pipeline), the others have waited for that";
  return `the target, which answered ${formatRate(rate)} of ${asked} messages/s, in ` +
    `${briefUs(latency.mean)} on average${lostTime(run)}${most}`;
}

/** Nothing can be sent on a connection that is lost or spoilt: a schedule has waited for another one then. */
function lostTime({ elsewhere, inFlight, requested }: Evidence): string {
  const { evidence, gone, replaced } = elsewhere;
  const share = (evidence + gone + replaced) / (inFlight ?? requested);
  if (share < LOST) return "";
  const time = percent(100 * share);
  return `; for ${time} of the time its connections were lost, or had had a wrong reply`;
}

function closedLoop(run: Evidence): string {
  const { paced, rate, latency, inFlight, messagesPerConnection } = run;
  const think = run.thinkMs * 1000;
  if (!paced) return `the target, which took ${formatRate(rate)} messages/s: it reads no faster`;
  if (latency.count === 0 || inFlight === null) return "the target: no reply has come";
  // Little's law: what is in flight is the rate times the latency; and --think is neither.
  const most = inFlight / (latency.mean + think) * 1e6;
  const after = think > 0 ? `, and ${briefUs(think)} of --think after each,` : "";
  const law = `${formatCount(inFlight)} in flight at a mean latency of ` +
    `${briefUs(latency.mean)}${after} make ${formatRate(most)}/s at most`;
  if (think > latency.mean) {
    return `--think, in a closed loop: ${law}; more connections would load the target more`;
  }
  if (messagesPerConnection !== null) return churn(run);
  if (latency.mean >= QUEUED * latency.min && inFlight > 1) {
    return `the target: replies took ${(latency.mean / latency.min).toFixed(1)} times as long as ` +
      `the fastest (${briefUs(latency.min)}), so they waited for each other there; ${law}`;
  }
  return `the target's time to reply, in a closed loop: ${law}; more connections or --pipeline ` +
    "would load it more";
}

function churn(
  { latency, connect, inFlight, thinkMs, messagesPerConnection: per }: Evidence,
): string {
  const us = latency.mean + (connect.mean + (per! - 1) * thinkMs * 1000) / per!;
  return `connecting, in a closed loop: each connection takes ${briefUs(connect.mean)} to be ` +
    `made and then ${briefUs(latency.mean)} for each of ${plural(per!, "message")}, so ` +
    `${formatCount(inFlight!)} at a time make ${formatRate(inFlight! / us * 1e6)}/s at most; ` +
    "more connections would load the target more";
}
