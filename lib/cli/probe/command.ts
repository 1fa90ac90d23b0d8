/** `iomux probe`: its options. */
import { PROFILE_NAMES } from "../../probe/plan.ts";
import { command } from "../options/command.ts";
import { choice, list, value } from "../options/option.ts";
import type { ReadOf } from "../options/read.ts";
import { CLIENT_TLS } from "../options/client_tls.ts";
import { EMBEDDED, MESSAGES, OUTPUT, SEED, SOURCE, TIMEOUT, UNIX } from "../options/shared.ts";
import { outputFile } from "../options/outputs.ts";
import { atLeastOne, SELECTORS } from "../options/values.ts";

/** What was found out has no seconds and no percentiles. */
const FILES = list(
  "FILE",
  "write it, by the file's ending: .json, .xml or .md; repeatable",
  outputFile(["json", "junit", "markdown"]),
  { short: "o", file: true },
);

export const PROBE = command({
  name: "probe",
  about: "misbehaving clients against a server, and whether others notice",
  operands: {
    usage: "[HOST:PORT] [PROFILE…]",
    most: 1 + PROFILE_NAMES.length,
    text: `Profiles (all by default): ${PROFILE_NAMES.join(", ")}`,
    words: PROFILE_NAMES,
  },
  groups: {
    "The target": { ...UNIX, ...EMBEDDED },
    "The clients": {
      connections: value("N", "misbehaving ones of each profile (default: 6)", atLeastOne, {
        short: "c",
      }),
      ...MESSAGES,
      pipeline: value("N", "messages in flight on a witness's connection", atLeastOne),
      ...TIMEOUT,
      ...SOURCE,
      ...SEED,
      clientSelector: choice("NAME", "what they wait on", SELECTORS, "auto"),
    },
    "TLS": CLIENT_TLS,
    "Results": { ...OUTPUT, output: FILES },
  },
  examples: [
    ["iomux probe", "every profile, its own server"],
    ["iomux probe localhost:9999 reset never-read", "two of them"],
    ["iomux probe localhost:6379 -m 'PING\\r\\n' --expect line", "no echo"],
  ],
  exits: {
    0: "all passed",
    1: "failed",
    3: "cannot connect",
    4: "no reply",
    5: "connections lost",
    6: "wrong bytes",
    7: "a profile failed",
    130: "SIGINT",
    143: "SIGTERM",
  },
});

export type ProbeRead = ReadOf<typeof PROBE>;
