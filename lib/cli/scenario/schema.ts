/** What may stand in a scenario: the options of `iomux stress`, stages, and thresholds. */
import * as v from "valibot";
import { SERVICES } from "../../serve/services.ts";
import { parseExpectation } from "../../stress/plan/expectation.ts";
import { parseMessage } from "../../stress/traffic/message.ts";
import { didYouMean } from "../../text/nearest.ts";
import { parseThreshold } from "../../report/judge/threshold.ts";
import { SELECTOR_NAMES } from "../options/options.ts";
import { parseSources } from "../options/sources.ts";
import { parseCount, parseDuration, parseRate, parseSize } from "../../text/units.ts";

/** A stage as it is written. Durations in milliseconds, rates per second. */
export interface StageEntry {
  readonly duration: number;
  readonly rate?: number | undefined;
  readonly connections?: number | undefined;
  readonly ramp?: boolean | undefined;
}

/** Something wrong, and where: keys from the outside in. */
export interface SchemaIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** The key itself is what is wrong, and not what it says. */
  readonly atKey: boolean;
}

const describe = (value: unknown): string =>
  value === null || value === undefined
    ? "nothing"
    : Array.isArray(value)
    ? "a list"
    : typeof value === "object"
    ? "a map"
    : JSON.stringify(value);

const issueText = (expected: string) => (issue: { input: unknown }): string =>
  `expected ${expected}, found ${describe(issue.input)}`;

/** A value that the command line would take as text; numbers are written without quotes. */
function parsed<T>(expected: string, parse: (text: string) => T) {
  return v.pipe(
    v.union([v.string(), v.number()], issueText(expected)),
    v.rawTransform<string | number, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(String(dataset.value));
      } catch (error) {
        addIssue({ message: (error as Error).message });
        return NEVER;
      }
    }),
  );
}

/** As `parsed`, but what is kept is the text. */
const checked = (expected: string, check: (text: string) => unknown) =>
  parsed(expected, (text) => {
    check(text);
    return text;
  });

const oneOf = <const T extends string>(names: readonly T[]) =>
  v.picklist(names, ({ input }) => {
    const hint = typeof input === "string" ? didYouMean(input, names) : "";
    return `expected one of ${names.join(", ")}, found ${describe(input)}${hint}`;
  });

const positive = <T extends number>(what: string, parse: (text: string) => T) => (text: string) => {
  const value = parse(text);
  if (value <= 0) throw new RangeError(`expected ${what} of more than 0, found ${text}`);
  return value;
};

const text = v.string(issueText("a text"));
const yes = v.boolean(issueText("true or false"));
const count = parsed("a whole number", positive("a whole number", parseCount));
const rate = parsed("a rate such as 10k", parseRate);
const duration = parsed("a duration such as 10s", parseDuration);
const someTime = parsed("a duration such as 10s", positive("a duration", parseDuration));
const threads = parsed("a number of threads, or auto", (text) => {
  if (text === "auto") return process.getBuiltinModule("node:os").availableParallelism();
  const number = parseCount(text);
  if (number < 1 || number > 256) throw new RangeError(`${text} is not between 1 and 256, or auto`);
  return number;
});
const seed = v.pipe(
  v.number(issueText("a whole number below 4294967296")),
  v.check(
    (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32,
    issueText("a whole number below 4294967296"),
  ),
);
const selector = oneOf(SELECTOR_NAMES);

/** A stage may be a pause. */
const orNone = (parse: (text: string) => number) => (text: string) =>
  text === "0" ? 0 : parse(text);

const stage = {
  duration: someTime,
  rate: v.optional(parsed("a rate such as 10k", orNone(parseRate))),
  connections: v.optional(parsed("a whole number", parseCount)),
  ramp: v.optional(yes),
};

const scenario = {
  target: v.optional(text),
  unix: v.optional(text),
  selector: v.optional(selector),
  service: v.optional(oneOf(Object.keys(SERVICES))),
  "server-workers": v.optional(threads),
  connections: v.optional(count),
  duration: v.optional(someTime),
  messages: v.optional(count),
  size: v.optional(parsed("a size such as 64B", positive("a size", parseSize))),
  message: v.optional(checked("a message", parseMessage)),
  "message-file": v.optional(text),
  expect: v.optional(checked("what must come back, such as echo or /regex/", parseExpectation)),
  pipeline: v.optional(count),
  rate: v.optional(rate),
  tick: v.optional(duration),
  "connect-rate": v.optional(rate),
  ramp: v.optional(duration),
  hold: v.optional(yes),
  "messages-per-connection": v.optional(count),
  reconnect: v.optional(yes),
  warmup: v.optional(duration),
  timeout: v.optional(someTime),
  source: v.optional(parsed("addresses, or a network", parseSources)),
  seed: v.optional(seed),
  workers: v.optional(threads),
  processes: v.optional(threads),
  "client-selector": v.optional(selector),
  stages: v.optional(
    v.pipe(
      v.array(objectOf(stage, "a stage: duration, rate, connections, ramp"), issueText("a list")),
      v.minLength(1, "expected at least one stage, found an empty list"),
    ),
  ),
  thresholds: v.optional(
    v.array(checked("a threshold such as p99<5ms", parseThreshold), issueText("a list")),
  ),
};

/** A map of these keys. Others are found by `strangers`, which finds all of them. */
function objectOf<T extends v.ObjectEntries>(entries: T, what: string) {
  return v.object(entries, (issue) => {
    const key = issue.path?.at(-1)?.key;
    return issue.received === "undefined" && typeof key === "string" && key in entries
      ? `${key} is missing`
      : issueText(what)(issue);
  });
}

/** Keys that there are not, and lists where maps must be, which the schema takes for such. */
function strangers(
  value: unknown,
  entries: Readonly<Record<string, unknown>>,
  path: SchemaIssue["path"],
): SchemaIssue[] {
  if (Array.isArray(value)) {
    return [{ path, message: "expected a map of options, found a list", atKey: false }];
  }
  if (value === null || typeof value !== "object") return [];
  const names = Object.keys(entries);
  return Object.keys(value).filter((key) => !names.includes(key)).map((key) => ({
    path: [...path, key],
    message: `there is no such key${didYouMean(key, names) || `; there are ${names.join(", ")}`}`,
    atKey: true,
  }));
}

/** A scenario's values in parsed form, under the keys that it was written with. */
export interface ScenarioValues {
  readonly [key: string]: unknown;
  readonly stages?: readonly StageEntry[] | undefined;
  readonly thresholds?: readonly string[] | undefined;
}

/** Checks what a file says, and parses its quantities. */
export function checkScenario(value: unknown): ScenarioValues | { issues: SchemaIssue[] } {
  const { stages } = (value ?? {}) as { stages?: unknown };
  const strange = [
    ...strangers(value, scenario, []),
    ...(Array.isArray(stages) ? stages : [])
      .flatMap((entry, i) => strangers(entry, stage, ["stages", i])),
  ];
  const result = v.safeParse(objectOf(scenario, "a map of options"), value);
  if (result.success && strange.length === 0) return result.output;
  const issues = (result.issues ?? []).map((issue) => ({
    path: (issue.path ?? []).map(({ key }) => key as string | number),
    message: issue.message,
    atKey: false,
  }));
  return { issues: [...strange, ...issues] };
}
