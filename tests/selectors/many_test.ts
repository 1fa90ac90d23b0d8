// 20,000 descriptors on every backend but select, or as many as the system's limit allows. (What select
// says of a number above FD_SETSIZE: tests/contracts/selector_arguments.ts.)
import { describe, expect, it } from "bun:test";
import { availableSelectors } from "../../lib/selectors/mod.ts";
import { Program } from "../support/programs.ts";

const WANTED = 20_480;

describe(`${WANTED} descriptors, or as many as the limit allows`, () => {
  const names = availableSelectors().filter((s) => s.available).map((s) => s.name)
    .filter((name) => name !== "select");

  it(`${names.join(", ")}: exactly those that are readable are told`, async () => {
    if (process.platform === "win32") {
      return console.log("not run: many descriptors: no such limit to raise, see the port's tests");
    }
    const program = new Program("many_descriptors.ts", [String(WANTED), ...names]);
    for (const name of names) {
      const said = JSON.parse(await program.line());
      console.log(`${name}: ${said.registered} descriptors in ${said.ms} ms, limit ${said.limit}`);
      expect({ name: said.name, wrong: said.wrong }).toEqual({ name, wrong: [] });
      // Fewer only because of the limit, which is then used up.
      expect(said.registered).toBeGreaterThan(Math.min(WANTED, said.limit - 150) - 2);
      if (said.registered < WANTED) {
        console.log(`not run: ${WANTED} descriptors: the limit is ${said.limit}; ${said.raising}`);
      }
    }
    expect((await program.ended).code).toBe(0);
  });
});
