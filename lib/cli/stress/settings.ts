/** From the options of `iomux stress` to the settings of a run. */
import { readFileSync } from "node:fs";
import { parseExpectation } from "../../stress/plan/expectation.ts";
import { parseMessage } from "../../stress/traffic/message.ts";
import type { SelectorName } from "../../selectors/mod.ts";
import { UsageError } from "../exit.ts";
import type { RunSettings } from "./session.ts";
import type { ClientTls } from "../options/tls.ts";

/** The options that say what a run does, as commander leaves them. */
export interface RunOptions {
  readonly target?: string | undefined;
  readonly unix?: string | undefined;
  readonly tls?: ClientTls | undefined;
  readonly connections: number;
  readonly duration: number;
  readonly messages?: number | undefined;
  readonly size: number;
  readonly message?: string | undefined;
  readonly messageFile?: string | undefined;
  readonly expect: string;
  readonly pipeline?: number | undefined;
  readonly rate?: number | undefined;
  readonly tick: number;
  readonly connectRate?: number | undefined;
  readonly ramp: number;
  readonly hold?: true | undefined;
  readonly messagesPerConnection?: number | undefined;
  readonly reconnect?: true | undefined;
  readonly warmup: number;
  readonly timeout: number;
  readonly source?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  readonly workers: number;
  readonly processes?: number | undefined;
  readonly clientSelector: SelectorName | "auto";
  readonly selector: SelectorName | "auto";
  readonly service: string;
  readonly serverWorkers: number;
}

/** What is sent at most by one `send`: a pipeline's worth of messages. */
const MAX_IN_FLIGHT = 64 * 2 ** 20;

/** Pairs of options that can't both be meant. */
export const EXCLUSIVE: readonly (readonly [string, string, string])[] = [
  ["message", "messageFile", "'--message' and '--message-file' exclude each other"],
  ["size", "message", "'--size' is for the seeded stream; '--message' has the size that it has"],
  ["size", "messageFile", "'--size' is for the seeded stream; a '--message-file' has its own"],
  ["hold", "rate", "'--hold' keeps connections idle, '--rate' does not"],
  ["hold", "messagesPerConnection", "'--hold' and '--messages-per-connection' exclude each other"],
  ["hold", "messages", "'--hold' sends one message on each connection, whatever '--messages' says"],
  ["source", "unix", "'--source' is for TCP, a Unix socket has no local address"],
];

/** Checks what the options say together. `given` names those that were given. @throws UsageError */
export function readSettings(options: RunOptions, given: ReadonlySet<string>): RunSettings {
  for (const [one, other, why] of EXCLUSIVE) {
    if (given.has(one) && given.has(other)) throw new UsageError(why);
  }
  for (const name of ["duration", "timeout"] as const) {
    if (options[name] <= 0) throw new UsageError(`option '--${name}' must be more than 0`);
  }
  if (options.size < 1) throw new UsageError("option '--size' must be at least 1 byte");
  if (given.has("tick") && !["rate", "findRate", "scenario"].some((name) => given.has(name))) {
    throw new UsageError("'--tick' is for a schedule, as '--rate' makes one");
  }
  // A count is not cut short by a time that nobody asked for.
  const untimed = options.messages !== undefined && !given.has("duration");
  const settings: RunSettings = {
    ...{ target: options.target, unix: options.unix, tls: options.tls },
    connections: options.connections,
    duration: untimed ? null : options.duration,
    messages: options.messages ?? null,
    size: options.size,
    message: messageOf(options),
    expect: asUsage("--expect", () => parseExpectation(options.expect)),
    pipeline: options.pipeline ?? null,
    rate: options.rate ?? null,
    tick: options.tick,
    stages: [],
    connectRate: options.connectRate ?? null,
    ramp: options.ramp,
    hold: options.hold ?? false,
    messagesPerConnection: options.messagesPerConnection ?? null,
    reconnect: options.reconnect ?? false,
    warmup: options.warmup,
    timeout: options.timeout,
    sources: options.source ?? [],
    seed: options.seed ?? null,
    workers: options.workers,
    processes: options.processes,
    clientSelector: options.clientSelector,
    selector: options.selector,
    service: options.service,
    serverWorkers: options.serverWorkers,
  };
  checkTogether(settings);
  return settings;
}

/** What a scenario's settings must obey as well. @throws UsageError */
export function checkTogether({ size, pipeline, message }: RunSettings): void {
  const bytes = message === null ? size : parseMessage(message).lengthOf(0, 1);
  if (bytes * (pipeline ?? 1) > MAX_IN_FLIGHT) {
    const what = message === null ? "--size" : "the size of the message";
    throw new UsageError(`${what} times --pipeline must not be more than 64MiB`);
  }
}

function messageOf({ message, messageFile }: RunOptions): string | null {
  if (message !== undefined) {
    asUsage("--message", () => parseMessage(message));
    return message;
  }
  if (messageFile === undefined) return null;
  let text: string;
  try {
    text = readFileSync(messageFile, "utf8");
  } catch (error) {
    const { code } = error as { code: string };
    throw new UsageError(`Cannot read the message from ${messageFile}: ${code}`);
  }
  asUsage(messageFile, () => parseMessage(text));
  return text;
}

/** An error of a value becomes one that names its option. */
function asUsage<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`option '${option}': ${error.message}`);
  }
}
