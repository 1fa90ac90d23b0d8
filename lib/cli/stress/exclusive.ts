/** Options of a run that can't be meant together, on the command line and in a scenario. */
import { UsageError } from "../exit.ts";
import { longName } from "../options/option.ts";

export const EXCLUSIVE: readonly (readonly [string, string, string])[] = [
  ["message", "messageFile", "'--message' and '--message-file' exclude each other"],
  ["message", "messagesFrom", "'--message' and '--messages-from' exclude each other"],
  ["messageFile", "messagesFrom", "'--message-file' and '--messages-from' exclude each other"],
  ["size", "messagesFrom", "'--size' is for the seeded stream; '--messages-from' has its own"],
  ["think", "rate", "'--think' waits after a reply; with '--rate' messages have their own times"],
  ["size", "message", "'--size' is for the seeded stream; '--message' has the size that it has"],
  ["size", "messageFile", "'--size' is for the seeded stream; a '--message-file' has its own"],
  ["hold", "rate", "'--hold' keeps connections idle, '--rate' does not"],
  ["hold", "messagesPerConnection", "'--hold' and '--messages-per-connection' exclude each other"],
  ["hold", "messages", "'--hold' sends one message on each connection, whatever '--messages' says"],
  ["hold", "pipeline", "'--hold' has one message in flight on each connection, and no more"],
  ["hold", "think", "'--hold' sends no message after a reply, for which '--think' would wait"],
  ["hold", "warmup", "'--hold' counts from the first connect on, and has no '--warmup'"],
  ["source", "unix", "'--source' is for TCP, a Unix socket has no local address"],
  ["tlsInsecure", "tlsCa", "'--tls-insecure' trusts any certificate, '--tls-ca' does not"],
];

/** @throws UsageError */
export function checkExclusive(given: ReadonlySet<string>): void {
  for (const [one, other, why] of EXCLUSIVE) {
    if (given.has(one) && given.has(other)) throw new UsageError(why);
  }
}

/** Ways to judge, of which a run can have one. */
const JUDGED = ["compare", "findRate", "baseline"];
const MANY = "it is of one run, and there are many";

/** What a way to run has no use for, and why. */
const WITHOUT: readonly (readonly [mode: string, option: string, why: string])[] = [
  ["compare", "hold", "idle connections have no rate"],
  ["compare", "confidence", "a comparison has intervals of its own"],
  ["compare", "abortOn", MANY],
  ["compare", "startAt", MANY],
  ["findRate", "messages", "a probe has a time, '--duration'"],
  ["findRate", "hold", "idle connections have no rate"],
  ["findRate", "ramp", "each probe has one rate throughout"],
  ["findRate", "think", "messages of a probe have their own times"],
  ["findRate", "confidence", "a rate is found when it holds each time"],
  ["findRate", "abortOn", MANY],
  ["findRate", "startAt", MANY],
  ["confidence", "hold", "idle connections have no rate"],
  ["confidence", "startAt", MANY],
];

/** Checks that each of the options that were given has an effect. @throws UsageError */
export function checkModes(given: ReadonlySet<string>): void {
  const [one, two] = JUDGED.filter((mode) => given.has(mode)).map(quoted);
  if (two) throw new UsageError(`${one} and ${two} exclude each other`);
  for (const [mode, option, why] of WITHOUT) {
    if (!given.has(mode) || !given.has(option)) continue;
    throw new UsageError(`${quoted(mode)} and ${quoted(option)}: ${why}`);
  }
}

const quoted = (option: string): string => `'--${longName(option)}'`;
