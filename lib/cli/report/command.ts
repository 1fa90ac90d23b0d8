/** `iomux report`: its options. */
import { command } from "../options/command.ts";
import { flag, value } from "../options/option.ts";
import type { ReadOf } from "../options/read.ts";
import { conditions, OUTPUT } from "../options/shared.ts";
import { file } from "../options/values.ts";

export const REPORT = command({
  name: "report",
  about: "results of stress -o FILE.json: added up, judged, and shown again",
  operands: { usage: "FILE…", most: Infinity, text: "- is stdin", file: true },
  groups: {
    "Judgement": {
      threshold: conditions("p99<5ms, rate>100k, errors==0; repeatable"),
      baseline: value("FILE", "compare with an earlier result", file, { file: true }),
      strict: flag("exit 8 when a generator was the bottleneck"),
    },
    "Results": OUTPUT,
  },
  examples: [
    ["iomux report a.json b.json", "the sum of two generators' runs"],
    ["iomux report run.json --baseline main.json", "what has changed"],
    ["iomux report run.json -o run.html -o run.csv", "the same in other formats"],
  ],
  exits: {
    0: "all held",
    1: "failed, or a part is missing",
    6: "wrong bytes",
    7: "a threshold failed",
    8: "invalid (--strict)",
    141: "stdout was closed",
  },
});

export type ReportRead = ReadOf<typeof REPORT>;
