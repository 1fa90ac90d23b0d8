/** What a run was asked to do, in words. */
import type { Plan } from "../stress/plan/plan.ts";
import type { Mismatch, StressResult } from "../result/result.ts";

/** How the command line writes quantities; passed in, as that is the command line's business. */
export interface Format {
  count(value: number): string;
  size(bytes: number): string;
  /** From milliseconds. */
  duration(ms: number): string;
}

/** Longer texts of other people are cut off here, in characters. */
const LONGEST = 60;

/** The settings of a run as its result has them: any may be missing, as results are read from files too. */
export type Settings = Partial<Omit<Plan, "target" | "expect">> & {
  /** As `--expect` has it. */
  readonly expect?: string;
};

/** The settings of a result. */
export const settingsOf = (result: StressResult): Settings => result.config as Settings;

/** Messages went out on a schedule, whatever the replies did. */
export const isOpenLoop = (result: StressResult): boolean =>
  result.latency_corrected_us !== null || result.generator.scheduled !== null;

/** Replies were not awaited. */
export const expectsNothing = (result: StressResult): boolean =>
  settingsOf(result).expect === "none";

/**
 * A text in quotes, not too long. What can't be seen is written as an escape; the escapes of a message are
 * there already.
 */
export function quoted(text: string): string {
  const shown = cut(text).replace(/[\p{Cc}"]/gu, (c) => JSON.stringify(c).slice(1, -1));
  return `"${shown}"`;
}

/** "50 connections, 64 B messages, 1 in flight each, closed loop, 10.00 s". */
export function describeLoad(result: StressResult, { count, size, duration }: Format): string {
  const plan = settingsOf(result);
  const words = [`${count(result.connections.requested)} connections`];
  if (typeof plan.message === "string") words.push(`message ${quoted(plan.message)}`);
  else words.push(`${size(plan.size ?? 0)} messages`);
  if (plan.hold) words.push("one message each and then idle");
  else if (isOpenLoop(result)) words.push(...describeRate(plan, count));
  else words.push(`${plan.pipeline ?? 1} in flight each`, "closed loop");
  if (plan.stages && plan.stages.length > 1) words.push(`${plan.stages.length} stages`);
  if (plan.messagesPerConnection) {
    words.push(`connected anew after every ${plural(plan.messagesPerConnection, "message")}`);
  }
  if (plan.tickMs) words.push(`due together every ${duration(plan.tickMs)}`);
  if (plan.connectRate) words.push(`${count(plan.connectRate)} connects/s`);
  if (plan.rampMs) words.push(`begun within ${duration(plan.rampMs)}`);
  words.push(`${result.duration_s.toFixed(2)} s`);
  if (plan.warmupMs) words.push(`not counting ${duration(plan.warmupMs)} of warm-up`);
  return words.join(", ");
}

function describeRate(plan: Settings, count: Format["count"]): string[] {
  const rates = (plan.stages ?? []).flatMap(({ rate }) => rate ? [rate.from, rate.to] : []);
  if (plan.rate) rates.push(plan.rate);
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  const words = plan.pipeline ? [`at most ${plan.pipeline} in flight each`] : [];
  if (rates.length === 0) return [...words, "open loop"];
  const asked = low === high ? count(high) : `${count(low)} to ${count(high)}`;
  return [...words, `open loop at ${asked} messages/s`];
}

/** What was verified of the replies, and of how many: the sentence that all other figures rest on. */
export function describeVerified(result: StressResult, { count }: Format): string {
  const { messages, first_mismatch: first } = result;
  if (expectsNothing(result)) {
    return `nothing (--expect none); ${count(messages.sent)} messages sent`;
  }
  const good = `${count(messages.verified)} of ${count(messages.sent)} ` +
    describeCheck(settingsOf(result), messages.verified, count);
  const bad: string[] = [];
  if (messages.mismatched > 0) bad.push(`${count(messages.mismatched)} mismatched`);
  if (messages.lost > 0) bad.push(`${count(messages.lost)} lost`);
  const detail = first
    ? `; first: ${first.kind} at byte ${count(first.offset)} of connection ${first.connection}, ` +
      `expected ${first.expected || expectedInstead(first)}, got ${first.actual || "the end"}`
    : "";
  return bad.length === 0 ? good : `${good}; ${bad.join(", ")}${detail}`;
}

/** Nothing was due, or something of which the bytes are not known. */
const expectedInstead = ({ kind }: Mismatch): string =>
  kind === "corrupted" || kind === "truncated" ? "something else" : "nothing";

function describeCheck(plan: Settings, verified: number, count: Format["count"]): string {
  const { expect = "echo" } = plan;
  if (expect !== "echo" && expect !== "upper") return `replies are ${describeExpectation(expect)}`;
  if (typeof plan.message !== "string") {
    return `messages, every byte of ${count(verified * (plan.size ?? 0))}`;
  }
  return expect === "echo"
    ? "messages came back as sent, byte for byte"
    : "messages came back as capitals";
}

/** What a reply had to be, from the value of `--expect`: "a line", "5 bytes", "a match of /x/". */
function describeExpectation(expect: string): string {
  if (expect === "line") return "a line, whatever it says";
  const [, bytes] = /^bytes:(\d+)$/.exec(expect) ?? [];
  if (bytes !== undefined) return `${plural(Number(bytes), "byte")}, whatever they are`;
  return /^\/.*\/[a-z]*$/s.test(expect) ? `a match of ${cut(expect)}` : quoted(expect);
}

const cut = (text: string) => text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;

/** "1 thread", "2 threads". */
export const plural = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;
