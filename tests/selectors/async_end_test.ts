// A pending selectAsync keeps the process alive, a finished one does not, and process.exit() ends it
// also on Node, which would wait for ever for a thread that sits in a system call. What could not begin is
// undone.
import { describe, expect, it } from "bun:test";
import { Program, selectorsForPrograms } from "../support/programs.ts";
import { itUnless, NO_CHOICE_OF_NUMBERS, NO_FILES, onWindows } from "../support/systems.ts";

const ending = async (how: string) => {
  const program = new Program("async_end.ts", [how]);
  const timer = setTimeout(() => process.kill(program.pid, "SIGKILL"), 20_000);
  const { code, signal, stderr } = await program.ended;
  clearTimeout(timer);
  // Under Wine Bun has something to say of the folder.
  return { program, end: { code, signal, stderr: onWindows ? "" : stderr } };
};

describe("a program that uses selectAsync", () => {
  it("ends by process.exit() while it waits, with its code", async () => {
    const { end } = await ending("exit");
    expect(end).toEqual({ code: 3, signal: null, stderr: "" });
  });

  it("stays until the wait is over, and ends by itself afterwards", async () => {
    const { program, end } = await ending("natural");
    expect(await program.line()).toBe("waited");
    expect(end).toEqual({ code: 0, signal: null, stderr: "" });
  });

  it("may do so in a Worker, which ends by itself, too", async () => {
    const { program, end } = await ending("worker");
    expect(await program.line()).toBe("waited");
    expect(await program.line()).toBe("worker ended 0");
    expect(end.code).toBe(0);
  });

  it("may be a Worker that is terminated while it waits", async () => {
    const { program, end } = await ending("terminate");
    expect(await program.line()).toBe("worker ended");
    expect([end.code, end.signal]).toEqual([0, null]);
  });

  itUnless(
    NO_FILES,
    "may be one Worker after the other, and no descriptor is left of them",
    async () => {
      const { program, end } = await ending("workers");
      expect(await program.line()).toBe("none left");
      expect(end.code).toBe(0);
    },
  );

  const scarce = "fails while no descriptor is left for it, and waits again once there are some";
  itUnless(NO_CHOICE_OF_NUMBERS, scarce, async () => {
    // Node's thread needs some, too. Bun and Deno end when a thread of their own finds none.
    const numbers = process.versions.bun || process.versions.deno ? [0] : [0, 1, 2, 3, 5, 8];
    for (const name of selectorsForPrograms()) {
      const program = new Program("async_scarce.ts", [name, ...numbers.map(String)]);
      const seen = JSON.parse(await program.line());
      for (const { first } of seen) expect(first).toMatch(/^(0 ready|failed: .*EMFILE.*)$/);
      expect(seen.map(({ free, second, soon }: Record<string, unknown>) => [free, second, soon]))
        .toEqual(numbers.map((free) => [free, "1 ready", true]));
      expect((await program.ended).stderr).toBe("");
    }
  });
});
