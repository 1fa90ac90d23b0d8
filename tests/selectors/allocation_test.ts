// dispatch() allocates nothing for an event: measured on the heap, beside select(), which makes an
// array of arrays, so that the measure is seen to work.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { commandFor, selectorsForPrograms } from "../support/programs.ts";

/** The smallest object has 16 bytes on V8 and JavaScriptCore, a heap number 12. */
const LESS_THAN_ANY_OBJECT = 6;

interface Measured {
  events: number;
  bytesPerEvent: number;
  collections: number;
}

function measure(name: string, how: "dispatch" | "select"): Measured {
  const [command, args] = commandFor("allocation.ts", [name, how]);
  const env = { ...process.env, BUN_JSC_logGC: "1" };
  const { stdout, stderr } = spawnSync(command, args, { env, encoding: "utf8", timeout: 50_000 });
  const log = stderr.slice(stderr.indexOf("BEGIN"), stderr.indexOf("END\n"));
  const collections = log.split(": START").length - 1;
  return { ...JSON.parse(stdout.slice(stdout.lastIndexOf("{"))), collections };
}

describe("dispatch()", () => {
  for (const name of selectorsForPrograms()) {
    it(`${name}: allocates nothing per event, where select() does`, () => {
      const dispatch = measure(name, "dispatch");
      const select = measure(name, "select");
      console.log(`${name}: ${JSON.stringify({ dispatch, select })}`);
      expect(dispatch.events).toBe(600_000);
      if (process.versions.bun) {
        expect(select.collections).toBeGreaterThan(2);
        expect(dispatch.collections).toBeLessThan(2);
      } else {
        expect(select.bytesPerEvent).toBeGreaterThan(40);
        expect(dispatch.bytesPerEvent).toBeLessThan(LESS_THAN_ANY_OBJECT);
      }
    });
  }
});
