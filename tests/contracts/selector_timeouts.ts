// The row of the contract about timeouts, and "nothing registered".
import { afterAll, beforeAll, expect, it } from "bun:test";
import { EVENT_READ } from "../../lib/selectors/mod.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { threadCpu } from "../../lib/sys/process/limits.ts";
import { HelperThread } from "../support/helper_thread.ts";
import { ownership } from "../support/sockets.ts";
import { TICK_MS } from "../support/systems.ts";
import { median, timed } from "../support/waiting.ts";
import type { Create } from "./create.ts";

export function timeoutCases(create: Create): void {
  const own = ownership();
  let helper: HelperThread;
  beforeAll(async () => void (helper = await HelperThread.start()));
  afterAll(() => helper.stop());

  it("select() is never early: fractions and whole milliseconds", () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    for (const timeout of [0.05, 0.1, 0.3, 0.999, 1, 1.001, 1.5, 2, 7.3, 20]) {
      for (let i = 0; i < 5; i++) {
        const { result, ms } = timed(() => selector.select(timeout));
        expect(result).toEqual([]);
        expect(ms).toBeGreaterThanOrEqual(timeout);
      }
    }
  });

  it(`select(0.1) takes at least 100 us, and usually less than ${TICK_MS} ms`, () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    // The best of several rounds, as other programs may have the processor in some of them.
    const rounds = Array.from({ length: 5 }, () => {
      const times = Array.from({ length: 100 }, () => timed(() => selector.select(0.1)).ms);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(0.1);
      return median(times);
    });
    expect(Math.min(...rounds)).toBeLessThan(TICK_MS);
  });

  it("select(0) and less only look, whatever is registered", () => {
    const [selector, a] = own(create(), ...socketPair());
    for (const registered of [false, true]) {
      if (registered) selector.register(a, EVENT_READ);
      for (const timeout of [0, -0, -1, -0.5, -1e300, -Infinity]) {
        const { result, ms } = timed(() => selector.select(timeout));
        expect(result).toEqual([]);
        expect(ms).toBeLessThan(5000);
      }
    }
  });

  // 2 ** 31 no longer fits an int of milliseconds, 2 ** 31 * 1000 no longer an int of seconds.
  const forever = [
    undefined,
    Infinity,
    2 ** 31,
    2 ** 31 * 1000,
    2 ** 53,
    1e17,
    1e300,
    2 ** 31 + 0.5,
  ];
  for (const timeout of forever) {
    it(`select(${timeout}) blocks until something is ready`, async () => {
      const [selector, a, b] = own(create(), ...socketPair());
      const key = selector.register(a, EVENT_READ);
      const written = helper.later({ kind: "write", fd: b.fileno(), text: "x", afterMs: 60 });
      const before = threadCpu();
      const { result, ms } = timed(() => selector.select(timeout));
      const after = threadCpu();
      expect(result).toEqual([[key, EVENT_READ]]);
      expect(ms).toBeGreaterThan(30); // the helper may have begun a little earlier
      expect(after.user + after.system - before.user - before.system).toBeLessThan(ms / 2);
      expect(ms).toBeLessThan(8000);
      await written;
    });
  }

  it("select() with time left returns as soon as something is ready", async () => {
    const [selector, a, b] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    const written = helper.later({ kind: "write", fd: b.fileno(), text: "x", afterMs: 30 });
    const { result, ms } = timed(() => selector.select(8000));
    expect(result.length).toBe(1);
    expect(ms).toBeLessThan(6000);
    await written;
  });

  it("NaN is a RangeError, in select() and dispatch()", () => {
    const [selector] = own(create());
    expect(() => selector.select(NaN)).toThrow(RangeError);
    expect(() => selector.dispatch(NaN, () => {})).toThrow(RangeError);
    expect(selector.select(0)).toEqual([]);
  });

  it("what is no number is a TypeError, and no endless loop", () => {
    const [selector] = own(create());
    for (const timeout of ["soon", "1", null, {}, 5n, true]) {
      expect(() => selector.select(timeout as number)).toThrow(TypeError);
      expect(() => selector.dispatch(timeout as number, () => {})).toThrow(TypeError);
    }
  });

  it("nothing registered: waits for the timeout and returns []", () => {
    const [selector] = own(create());
    for (const timeout of [0.5, 1, 60]) {
      const { result, ms } = timed(() => selector.select(timeout));
      expect(result).toEqual([]);
      expect(ms).toBeGreaterThanOrEqual(timeout);
    }
  });

  it("nothing registered any more: the same", () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    selector.unregister(a);
    const { result, ms } = timed(() => selector.select(50));
    expect(result).toEqual([]);
    expect(ms).toBeGreaterThanOrEqual(50);
  });
}
