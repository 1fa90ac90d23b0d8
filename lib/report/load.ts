/** What a run was asked to do and what was verified, in words. */
import type { Mismatch, StressResult } from "../result/result.ts";
import { expectsNothing, isOpenLoop, type Settings, settingsOf } from "../result/settings.ts";
import { partsOf } from "../result/merge/parts.ts";
import { formatCount, formatDuration, formatRate, formatSize } from "../text/units.ts";
import { plural } from "../text/words.ts";
import { cut } from "../text/escape.ts";

/**
 * A text in quotes, not too long. What can't be seen is written as an escape; the escapes of a message are
 * there already.
 */
export function quoted(text: string): string {
  const shown = cut(text).replace(/[\p{Cc}"]/gu, (c) => JSON.stringify(c).slice(1, -1));
  return `"${shown}"`;
}

/**
 * "50 connections, 64 B messages, 1 in flight each, closed loop, 10.00 s"; of several runs that differ in `seconds`
 * alone "1.00 to 9.80 s".
 */
export function describeLoad(result: StressResult, seconds: readonly number[] = []): string {
  const plan = settingsOf(result);
  const words = [plural(result.connections.requested, "connection")];
  words.push(describeMessages(plan));
  if (plan.hold) words.push("one message each and then idle");
  else if (isOpenLoop(result)) words.push(...describeRate(plan));
  else if (isDifferent(plan, "pipeline")) words.push("closed loop");
  else words.push(`${plan.pipeline ?? 1} in flight each`, "closed loop");
  if (plan.thinkMs) words.push(`${formatDuration(plan.thinkMs)} between a reply and the next`);
  if (plan.stages && plan.stages.length > 1) words.push(`${plan.stages.length} stages`);
  if (plan.messagesPerConnection) {
    words.push(`connected anew after every ${plural(plan.messagesPerConnection, "message")}`);
  }
  if (plan.tickMs) words.push(`due together every ${formatDuration(plan.tickMs)}`);
  if (plan.connectRate) words.push(`${formatRate(plan.connectRate)} connects/s`);
  if (plan.rampMs) words.push(`started within ${formatDuration(plan.rampMs)}`);
  const times = seconds.length > 0 ? seconds : [result.duration_s];
  const [least, most] = [Math.min(...times), Math.max(...times)].map((s) => s.toFixed(2));
  words.push(least === most ? `${least} s` : `${least} to ${most} s`);
  if (plan.warmupMs) words.push(`not counting ${formatDuration(plan.warmupMs)} of warm-up`);
  return words.join(", ");
}

/** The parts of a sum do not agree on a setting. */
const isDifferent = ({ different = [] }: Settings, key: keyof Settings): boolean =>
  different.includes(key);

function describeMessages(plan: Settings): string {
  const { message, script, shuffle, size = 0, maxSize } = plan;
  if (isDifferent(plan, "message") || isDifferent(plan, "script")) return "different messages";
  if (isDifferent(plan, "size") || isDifferent(plan, "maxSize")) return "messages of several sizes";
  if (typeof message === "string") return `message ${quoted(message)}`;
  if (script) return `${plural(script.length, "message")} ${shuffle ? "at random" : "in turn"}`;
  const range = maxSize ? `${formatSize(size)} to ${formatSize(maxSize)}` : formatSize(size);
  return `${range} messages`;
}

function describeRate(plan: Settings): string[] {
  const rates = (plan.stages ?? []).flatMap(({ rate }) => rate ? [rate.from, rate.to] : []);
  if (plan.rate) rates.push(plan.rate);
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  const words = plan.pipeline ? [`at most ${plan.pipeline} in flight each`] : [];
  if (rates.length === 0) return [...words, "open loop"];
  const asked = low === high ? formatRate(high) : `${formatRate(low)} to ${formatRate(high)}`;
  return [...words, `open loop at ${asked} messages/s`];
}

/** What was verified of the replies, and of how many: the sentence that all other figures rest on. */
export function describeVerified(result: StressResult): string {
  const { messages, first_mismatch: first } = result;
  if (expectsNothing(result)) {
    return `nothing (--expect none); ${formatCount(messages.sent)} messages sent`;
  }
  const good = `${formatCount(messages.verified)} of ${formatCount(messages.sent)} ` +
    describeCheck(result);
  const bad: string[] = [];
  if (messages.mismatched > 0) bad.push(`${formatCount(messages.mismatched)} mismatched`);
  if (messages.lost > 0) bad.push(`${formatCount(messages.lost)} lost`);
  if (messages.timed_out > 0) bad.push(`${formatCount(messages.timed_out)} timed out`);
  if (messages.in_flight > 0) {
    bad.push(`${formatCount(messages.in_flight)} not answered yet when the run was ended`);
  }
  const detail = first
    ? `; first: ${first.kind} at byte ${formatCount(first.offset)} of connection ` +
      `${first.connection}, expected ${first.expected || expectedInstead(first)}, got ` +
      `${first.actual || "the end"}`
    : "";
  return bad.length === 0 ? good : `${good}; ${bad.join(", ")}${detail}`;
}

/** Nothing was due, or something of which the bytes are not known. */
const expectedInstead = ({ kind }: Mismatch): string =>
  kind === "corrupted" || kind === "truncated" ? "something else" : "nothing";

function describeCheck(result: StressResult): string {
  const plan = settingsOf(result);
  const { expect = "echo" } = plan;
  const differ = ["expect", "message", "script"] as const;
  if (differ.some((key) => isDifferent(plan, key))) return "replies are what each part expects";
  if (plan.script) return "replies are what their messages ask for";
  if (expect !== "echo" && expect !== "upper") return `replies are ${describeExpectation(expect)}`;
  if (typeof plan.message !== "string") {
    return `messages, every byte of ${describeBytes(result)}`;
  }
  return expect === "echo"
    ? "messages came back as sent, byte for byte"
    : "messages came back in upper case";
}

function describeBytes(result: StressResult): string {
  const all = partsOf(result).map(({ verified_bytes }) => verified_bytes ?? null);
  return all.includes(null) ? "each" : formatCount(all.reduce((a, b) => a! + b!, 0)!);
}

/** What a reply had to be, from the value of `--expect`: "a line", "5 bytes", "a match of /x/". */
function describeExpectation(expect: string): string {
  if (expect === "line") return "a line, whatever it says";
  if (expect === "http") return "HTTP with a status of 2xx";
  const [, end] = /^until:(.*)$/s.exec(expect) ?? [];
  if (end !== undefined) return `anything that ends with ${quoted(end)}`;
  const [, bytes] = /^bytes:(\d+)$/.exec(expect) ?? [];
  if (bytes !== undefined) return `${plural(Number(bytes), "byte")}, whatever they are`;
  return /^\/.*\/[a-z]*$/s.test(expect) ? `a match of ${cut(expect)}` : quoted(expect);
}
