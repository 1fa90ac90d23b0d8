/** `iomux info`: its options. */
import { command } from "../options/command.ts";
import { flag, value } from "../options/option.ts";
import type { ReadOf } from "../options/read.ts";
import { atLeastOne } from "../options/values.ts";

export const INFO = command({
  name: "info",
  about: "what works here: runtime, system, selectors, limits, and what to change",
  operands: { usage: "", most: 0 },
  groups: {
    "What it says": {
      connections: value("N", "what to change for so many connections: 10k", atLeastOne),
      json: flag("as JSON"),
    },
  },
  examples: [
    ["iomux info", "what works here"],
    ["iomux info --connections 100k", "what to change for so many"],
    ["iomux info --json", "the same for programs"],
  ],
  exits: { 0: "shown", 1: "failed", 141: "stdout was closed" },
});

export type InfoRead = ReadOf<typeof INFO>;
