/** `iomux stress`: its options, which are the keys of a scenario as well. */
import { parseThreshold } from "../../report/judge/threshold.ts";
import { parseFrame } from "../../stress/plan/expectation.ts";
import { parseDuration, parseRate } from "../../text/units.ts";
import { command } from "../options/command.ts";
import { choice, flag, value, valued } from "../options/option.ts";
import type { ReadOf } from "../options/read.ts";
import { CLIENT_TLS } from "../options/client_tls.ts";
import {
  conditions,
  EMBEDDED,
  MESSAGES,
  OUTPUT,
  SEED,
  SOURCE,
  TIMEOUT,
  UNIX,
} from "../options/shared.ts";
import {
  atLeastOne,
  checked,
  ENGINES,
  file,
  SELECTORS,
  someTime,
  text,
  threadsOrAuto,
} from "../options/values.ts";

/** The options of a run, which a scenario can have as well. */
export const RUN = {
  "The target": { ...UNIX, ...EMBEDDED },
  "The load": {
    connections: valued("N", "how many connections", atLeastOne, 50, { short: "c" }),
    duration: valued("DUR", "stop after this time", someTime, 10_000, {
      ...{ short: "d", shown: "10s" },
    }),
    messages: value("N", "stop after this many, over all connections", atLeastOne, {
      short: "n",
    }),
    rate: value("RATE", "open loop: messages a second, on schedule", parseRate, { short: "r" }),
    tick: valued("DUR", "with --rate: messages are due together, this often", parseDuration, 0, {
      ...{ shown: "off", brief: "with --rate: a burst of messages every DUR" },
    }),
    pipeline: value(
      "N",
      "in flight on a connection (default: 1; with --rate and no --message no limit)",
      atLeastOne,
      { brief: "unanswered messages [1; -r without -m: no limit]" },
    ),
    think: valued("DUR", "wait so long between a reply and the next message", parseDuration, 0, {
      ...{ shown: "off", brief: "from a reply to the next message" },
    }),
    ramp: valued("DUR", "connect, and raise --rate, over this time", parseDuration, 0, {
      ...{ shown: "off", joined: true, brief: "spread out the start" },
    }),
    connectRate: value("RATE", "connects a second", parseRate),
    messagesPerConnection: value("N", "churn: connect again after this many", atLeastOne, {
      brief: "churn: connect again after N",
    }),
    hold: flag("one message on each connection, then keep it idle"),
    reconnect: flag("replace lost connections; each loss is counted", {
      brief: "replace lost connections; each is counted",
    }),
    warmup: valued("DUR", "run for this time before anything counts", parseDuration, 0, {
      ...{ shown: "0s", brief: "run so long before anything counts" },
    }),
    ...TIMEOUT,
    ...SOURCE,
  },
  "The messages": {
    ...MESSAGES,
    frame: value(
      "HOW",
      "where a reply ends that a /re/ judges: line, bytes:N, until:TEXT or http (default: line)",
      checked(parseFrame),
      {
        words: ["line", "bytes:", "until:", "http"],
        brief: "of /re/: line bytes:N until:TEXT http",
      },
    ),
    messagesFrom: value(
      "FILE",
      "a message a line, in turn; after a tab what its reply must be",
      file,
      { file: true, joined: true, brief: "MESSAGE[<tab>EXPECT] a line" },
    ),
    shuffle: flag("the messages of --messages-from at random, by --seed"),
    escapes: flag("files of messages have the escapes of --message, too", {
      ...{ joined: true, brief: "escapes in files, too; the seed of the bytes" },
    }),
    ...SEED,
  },
  "The run": {
    workers: valued("N|auto", "generator threads", threadsOrAuto, 1),
    clientSelector: choice("NAME", "what the generator waits on", SELECTORS, "auto", {
      ...{ joined: true, brief: "[auto]" },
    }),
    clientEngine: choice(
      "NAME",
      "how the generator waits: readiness, or uring (Linux)",
      ENGINES,
      "auto",
    ),
  },
} as const;

/** A condition that a rate can be too high for. @throws ThresholdError; Error */
function checkBound(text: string): void {
  if (["<", "<=", "=="].includes(parseThreshold(text).operator)) return;
  throw new Error(`threshold "${text}": no rate is too high for it; use <, <= or ==`);
}

export const STRESS = command({
  name: "stress",
  about: "a load generator that checks every byte; without a target, of its own server",
  operands: { usage: "[HOST:PORT]", most: 1 },
  groups: {
    ...RUN,
    // Keys and names of TLS are of the place, not of the load: a scenario has none.
    "The target": { ...RUN["The target"], ...CLIENT_TLS },
    "The run": {
      ...RUN["The run"],
      scenario: value("FILE", "options and stages from a YAML or JSON file", file, {
        file: true,
      }),
      startAt: value("TIME", "connect, and start then: ISO 8601, HH:MM:SS, +DUR", text),
      compare: value("A,B", "selectors of the embedded server, in turn", text, {
        words: SELECTORS,
      }),
      findRate: value(
        "EXPR",
        "search the highest rate that holds p99<5ms, say",
        checked((text) => text.split(",").forEach(checkBound)),
      ),
      confidence: value("PERCENT", "repeat the run until its 95 % interval is ± this", text),
    },
    "The result": {
      threshold: conditions(
        "a condition: p99<5ms, rate>100k, errors==0; repeatable",
        "p99<5ms, rate>100k, errors==0; repeatable",
      ),
      abortOn: conditions(
        "end the run when this is so: errors>100, p99>1s; repeatable",
        "end the run when errors>100, p99>1s; repeatable",
      ),
      baseline: value("FILE", "compare with an earlier -o FILE.json", file, { file: true }),
      strict: flag("exit 8 when the generator was the bottleneck"),
      progress: flag("a line a second on stderr where that is no terminal", {
        ...{ joined: true, brief: "a line a second (stderr), the result (stdout)" },
      }),
      ...OUTPUT,
    },
  },
  examples: [
    ["iomux stress", "its own server, 50 connections"],
    ["iomux stress localhost:9999 -r 10k -o run.html", "a schedule, and a page"],
    ["iomux stress localhost:6379 -m 'PING\\r\\n' --expect line", "another protocol"],
  ],
  exits: {
    0: "all held",
    1: "failed",
    3: "no connection",
    4: "timeout",
    5: "connections lost",
    6: "wrong bytes",
    7: "threshold",
    8: "invalid",
    "130, 143": "a signal",
  },
});

export type StressRead = ReadOf<typeof STRESS>;
