// Signals while a program waits: SIGINT, SIGTERM and a storm of SIGALRM, on every backend, on the main
// thread and in a Worker. Each program is a process of its own; those of all backends run side by side.
import { describe, expect, it } from "bun:test";
import type { SelectorName } from "../../lib/selectors/mod.ts";
import { isWaiting, Program, selectorsForPrograms } from "../support/programs.ts";

const names = selectorsForPrograms();
const all = async (run: (name: SelectorName) => Promise<void>): Promise<void> =>
  void await Promise.all(names.map(run));

/** What signal_blocking.ts says; it runs once for several cases. */
let blocking: Promise<Record<string, any>> | undefined;
const runBlocking = () =>
  blocking ??= (async () => {
    const program = new Program("signal_blocking.ts");
    const said = JSON.parse(await program.line());
    return { ...said, ended: await program.ended };
  })();

describe(`signals during waits of ${names.join(", ")}`, () => {
  if (process.platform === "win32") {
    it("none", () => console.log("not run: signals: the system has none that interrupt a wait"));
    return;
  }

  it("the documented loop: handlers of SIGINT and SIGTERM run, it ends by itself", () =>
    all(async (name) => {
      const program = new Program("signal_loop.ts", [name]);
      expect(await program.line()).toBe("waiting");
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const start = performance.now();
        process.kill(program.pid, signal);
        expect(`${name}: ${await program.line()}`).toBe(`${name}: ${signal}`);
        expect(performance.now() - start).toBeLessThan(10_000);
      }
      expect(JSON.parse(await program.line()).stop).toBe(true);
      const { code, signal } = await program.ended;
      expect([code, signal]).toEqual([0, null]);
    }));

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} without a handler ends the process by that signal while it waits`, () =>
      all(async (name) => {
        const program = new Program("signal_default.ts", [name]);
        const state = await program.line();
        await isWaiting(program.pid);
        const ignored = signal === "SIGINT" && state !== "waiting";
        if (ignored) console.log(`not run: SIGINT: this process was started with it ignored`);
        process.kill(program.pid, ignored ? "SIGKILL" : signal);
        const ended = await program.ended;
        expect(`${name}: ${ended.signal}`).toBe(`${name}: ${ignored ? "SIGKILL" : signal}`);
      }));
  }

  it("a storm of SIGALRM on the main thread: [] early, no time lost, data told, handlers run", () =>
    all(async (name) => {
      const program = new Program("signal_storm.ts", [name]);
      const { ms, empty, toldAfter, handled } = JSON.parse(await program.line());
      console.log(
        `${name}: ${empty} waits ended early, ${handled} handlers ran in ${Math.round(ms)} ms; ` +
          `the byte was told after ${Math.round(toldAfter[0])} ms`,
      );
      expect(ms).toBeGreaterThanOrEqual(2000);
      expect(ms).toBeLessThan(10_000); // the storm goes on for as long as the waits do
      expect(empty).toBeGreaterThan(0);
      expect(handled).toBeGreaterThan(0); // signals that come together count as one
      expect(toldAfter.length).toBe(1);
      expect(toldAfter[0]).toBeGreaterThan(250); // the helper may have begun a little earlier
      expect(toldAfter[0]).toBeLessThan(1900); // and not by the last wait's end
      expect((await program.ended).code).toBe(0);
    }));

  it("a storm aimed at a Worker: its wait is neither early nor long, and data is told at once", () =>
    all(async (name) => {
      if (process.platform !== "linux") return console.log("not run: tgkill: this is not Linux");
      const program = new Program("signal_storm_worker.ts", [name]);
      const { idle, ready, latencyMs, signals } = JSON.parse(await program.line());
      console.log(
        `${name}: ${signals} signals, slept ${idle.sleeps} times in ${idle.ms.toFixed(1)} ms; ` +
          `a byte was told after ${latencyMs.toFixed(1)} ms`,
      );
      expect(idle.ready).toBe(0);
      expect(idle.ms).toBeGreaterThanOrEqual(1000);
      expect(idle.ms).toBeLessThan(10_000);
      expect(idle.sleeps).toBeGreaterThan(1); // else no signal interrupted it
      expect(ready).toBe(1);
      expect(latencyMs).toBeLessThan(4000); // of a wait for 5 s
      expect((await program.ended).code).toBe(0);
    }));

  it("blocking sockets in a storm lose nothing: recv, send, accept", async () => {
    const { received, sent, greeting, handled, ended } = await runBlocking();
    expect({ received, sent, greeting }).toEqual({ received: true, sent: true, greeting: 4 });
    expect(handled).toBeGreaterThan(0);
    expect(ended.code).toBe(0);
  });

  for (const call of ["connect", "recv", "recvFrom"]) {
    it(`blocking sockets in a storm keep the timeout of ${call}: ETIMEDOUT after 300 ms`, async () => {
      const { code, ms } = (await runBlocking())[call];
      expect(code).toBe("ETIMEDOUT");
      expect(ms).toBeGreaterThanOrEqual(299);
      expect(ms).toBeLessThan(10_000);
    });
  }
});
