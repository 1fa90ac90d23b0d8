// A pending selectAsync keeps the process alive, a finished one does not, and process.exit() ends it
// also on Node, which would wait for ever for a thread that sits in a system call.
import { describe, expect, it } from "bun:test";
import { Program } from "../support/programs.ts";
import { onWindows } from "../support/systems.ts";

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
});
