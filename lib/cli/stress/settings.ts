/** From the options of `iomux stress` to the settings of a run. */
import type { StageSettings } from "../../result/settings.ts";
import {
  type Frame,
  isJudged,
  parseExpectation,
  parseFrame,
  showExpectation,
} from "../../stress/plan/expectation.ts";
import { messageOfBytes, parseMessage, textOfBytes } from "../../stress/plan/message.ts";
import { parseScript } from "../../stress/plan/script.ts";
import { UsageError } from "../exit.ts";
import { readBytes } from "../input.ts";
import { parseSources } from "../options/sources.ts";
import { longName, type Values } from "../options/option.ts";
import { chooseTarget, parseTarget } from "../options/target.ts";
import type { Read } from "../options/read.ts";
import type { CLIENT_TLS } from "../options/client_tls.ts";
import type { TlsConnectOptions } from "../../tls/mod.ts";
import { clientTlsOf } from "../options/tls.ts";
import type { STRESS, StressRead } from "./command.ts";
import { checkExclusive, checkModes } from "./exclusive.ts";
import { isEmbedded, type RunSettings } from "./session.ts";

/** What `iomux stress` is asked for: a run, and what becomes of it. */
export interface StressJob {
  readonly options: Values<(typeof STRESS)["options"]>;
  /** The names of the options that were given, here or in a scenario. */
  readonly given: ReadonlySet<string>;
  readonly settings: RunSettings;
  /** The thresholds, those of a scenario if the command line has none. */
  readonly threshold: readonly string[];
}

/** The options that say what a run does, and its target. */
export type RunOptions =
  & Omit<
    Values<(typeof STRESS)["options"]>,
    "threshold" | "baseline" | "strict" | "output" | "json" | keyof typeof CLIENT_TLS
  >
  & Pick<RunSettings, "target" | "tls">;

/** What is sent at most by one `send`: a pipeline's worth of messages. */
const MAX_IN_FLIGHT = 64 * 2 ** 20;

/** Reads the options, and the scenario that they may name. @throws UsageError */
export async function jobOf(read: StressRead): Promise<StressJob> {
  const { options, given, source } = read;
  const operand = checkedOperand(read);
  checkModes(given);
  const plain = { ...options, ...chooseTarget(operand, read) };
  const all = options.scenario === undefined
    ? { options: plain, given, stages: [] as StageSettings[], thresholds: undefined }
    : (await import("../scenario/apply.ts")).withScenario(options.scenario, plain, given);
  const tls = tlsFor(all.options, read);
  if (!isEmbedded(all.options)) {
    for (const name of ["selector", "service", "serverWorkers"] as const) {
      if (source(name) !== "cli") continue;
      throw new UsageError(
        `option '--${longName(name)}' is for the embedded server; there is a target`,
      );
    }
  }
  checkModes(all.given);
  const settings = { ...readSettings({ ...all.options, tls }, all.given), stages: all.stages };
  checkSchedule(settings, all.given);
  return {
    options,
    given: all.given,
    settings,
    threshold: all.thresholds ?? options.threshold,
  };
}

/** Checks what a schedule has use for, be it of a rate or of stages. @throws UsageError */
function checkSchedule(settings: RunSettings, given: ReadonlySet<string>): void {
  const open = isOpen(settings) || given.has("findRate");
  if (given.has("tick") && !open) {
    throw new UsageError("'--tick' is for a schedule, as '--rate' makes one");
  }
  const { stages, rate, rampMs } = settings;
  const staged = (key: "rate" | "connections") => stages.some((stage) => stage[key]);
  if (rampMs > 0 && staged("connections") && (staged("rate") || rate === null)) {
    throw new UsageError(
      "'--ramp' has nothing to do where stages say how many connections there are",
    );
  }
  if (open && settings.thinkMs > 0) {
    throw new UsageError(
      "'--think' waits after a reply; with a rate messages have their own times",
    );
  }
}

/** The TLS of a run, for which there has to be a target. @throws UsageError */
export function tlsFor(
  { target, unix }: Pick<RunSettings, "target" | "unix">,
  read: Read<typeof CLIENT_TLS>,
): TlsConnectOptions | undefined {
  checkExclusive(read.given); // before a file is read
  const tls = clientTlsOf(read, target === undefined ? undefined : parseTarget(target).host);
  if (tls && isEmbedded({ target, unix })) {
    throw new UsageError("option '--tls' needs a target: the embedded server has no certificate");
  }
  return tls;
}

/** The target. `--json FILE` was how a result was written to a file. */
function checkedOperand({ operands, options }: StressRead): string | undefined {
  const [operand] = operands;
  if (
    operand !== undefined && options.json && /\.\w+$|\//.test(operand) && !/:\d+$/.test(operand)
  ) {
    throw new UsageError(`option '--json' takes no file any more: use -o ${operand}`);
  }
  return operand;
}

/** Whether messages leave on a schedule, whatever comes back. */
export const isOpen = ({ rate, stages }: Pick<RunSettings, "rate" | "stages">): boolean =>
  rate !== null || stages.some((stage) => stage.rate);

export function configOf(settings: RunSettings): Record<string, unknown> {
  return { ...settings, ...showExpectation(settings.expect) };
}

/** Checks what the options say together. `given` names those that were given. @throws UsageError */
export function readSettings(
  options: RunOptions,
  given: ReadonlySet<string>,
): RunSettings {
  checkExclusive(given);
  if (given.has("escapes") && !given.has("messageFile") && !given.has("messagesFrom")) {
    throw new UsageError("'--escapes' is for '--message-file' and '--messages-from'");
  }
  if (options.shuffle && !given.has("messagesFrom")) {
    throw new UsageError("'--shuffle' is for '--messages-from'");
  }
  // A count is not cut short by a time that was not asked for.
  const untimed = options.messages !== undefined && !given.has("duration");
  const frame = options.frame === undefined ? undefined : parseFrame(options.frame);
  const [message, script] = [messageOf(options), scriptOf(options, frame)];
  const expect = parseExpectation(options.expect, frame);
  if (frame && ![expect, ...(script ?? []).map((line) => line.expect)].some(isJudged)) {
    throw new UsageError("option '--frame' says where a reply ends that '--expect /regex/' judges");
  }
  for (const name of ["think", "pipeline"] as const) {
    if (expect.kind !== "none" || !given.has(name)) continue;
    throw new UsageError(`'--${name}' is of replies, and --expect none awaits none`);
  }
  // Servers that answer requests expect one at a time, whatever the schedule says.
  const requests = (message !== null || script !== null) && expect.kind !== "none";
  const settings: RunSettings = {
    ...{ target: options.target, unix: options.unix, tls: options.tls },
    connections: options.connections,
    durationMs: untimed ? null : options.duration,
    messages: options.messages ?? null,
    size: options.size.from,
    maxSize: options.size.to > options.size.from ? options.size.to : null,
    ...{ message, script, expect },
    shuffle: options.shuffle,
    pipeline: options.pipeline ?? (requests ? 1 : null),
    rate: options.rate ?? null,
    tickMs: options.tick,
    thinkMs: options.think,
    stages: [],
    connectRate: options.connectRate ?? null,
    rampMs: options.ramp,
    hold: options.hold,
    messagesPerConnection: options.messagesPerConnection ?? null,
    reconnect: options.reconnect,
    warmupMs: options.warmup,
    timeoutMs: options.timeout,
    sources: sourcesOf(options.source),
    seed: options.seed ?? null,
    workers: options.workers,
    clientSelector: options.clientSelector,
    clientEngine: options.clientEngine,
    selector: options.selector,
    service: options.service,
    serverWorkers: options.serverWorkers,
  };
  checkTogether(settings);
  return settings;
}

/** Not read where the option is declared: addresses need the C library, which a help page does without. */
function sourcesOf(text: string | undefined): string[] {
  if (text === undefined) return [];
  try {
    return parseSources(text);
  } catch (error) {
    throw new UsageError(`option '--source': ${(error as Error).message}`);
  }
}

function checkTogether({ size, maxSize, pipeline, message }: RunSettings): void {
  const bytes = message === null ? maxSize ?? size : parseMessage(message).lengthOf(0, 1);
  if (bytes * (pipeline ?? 1) > MAX_IN_FLIGHT) {
    const what = message === null ? "--size" : "the size of the message";
    throw new UsageError(`${what} times --pipeline must not be more than 64MiB`);
  }
}

function scriptOf(
  { messagesFrom, escapes }: Pick<RunOptions, "messagesFrom" | "escapes">,
  frame: Frame | undefined,
): RunSettings["script"] {
  if (messagesFrom === undefined) return null;
  try {
    return parseScript(readBytes(messagesFrom, "messages"), escapes, frame);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`${messagesFrom}: ${error.message}`);
  }
}

function messageOf(
  { message, messageFile, escapes }: Pick<RunOptions, "message" | "messageFile" | "escapes">,
): string | null {
  if (message !== undefined) return message;
  if (messageFile === undefined) return null;
  const bytes = readBytes(messageFile, "message file");
  if (bytes.length === 0) throw new UsageError(`${messageFile}: a message has a byte or more`);
  if (!escapes) return messageOfBytes(bytes);
  try {
    const text = textOfBytes(bytes);
    parseMessage(text);
    return text;
  } catch (error) {
    throw new UsageError(`${messageFile}: ${(error as Error).message}`);
  }
}
