// selectAsync: the rows of the contract, with the runtime's own event loop going on meanwhile.
import { afterAll, beforeAll, expect, it } from "bun:test";
import { EVENT_READ, EVENT_WRITE, SelectorClosedError, wake } from "../../lib/selectors/mod.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { HelperThread } from "../support/helper_thread.ts";
import { encode, ownership, receive } from "../support/sockets.ts";
import { sleep, until } from "../support/waiting.ts";
import type { Create } from "./create.ts";

export function asyncCases(create: Create): void {
  const own = ownership();
  let helper: HelperThread;
  beforeAll(async () => void (helper = await HelperThread.start()));
  afterAll(() => helper.stop());

  const timedAsync = async <R>(action: () => Promise<R>): Promise<{ result: R; ms: number }> => {
    const start = performance.now();
    const result = await action();
    return { result, ms: performance.now() - start };
  };
  const rejection = (promise: Promise<unknown>) =>
    promise.then(() => "nothing was thrown", (error) => error);

  it("selectAsync() tells what is ready already", async () => {
    const [selector, a] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_WRITE);
    expect(await selector.selectAsync()).toEqual([[key, EVENT_WRITE]]);
    expect(await selector.selectAsync(0)).toEqual([[key, EVENT_WRITE]]);
    selector.modify(a, EVENT_READ);
    expect(await selector.selectAsync(0)).toEqual([]);
    expect(await selector.selectAsync(-1)).toEqual([]);
  });

  it("selectAsync(timeout) is never early, with something registered and without", async () => {
    const [selector, a] = own(create(), ...socketPair());
    for (const timeout of [5, 20.5]) {
      const { result, ms } = await timedAsync(() => selector.selectAsync(timeout));
      expect(result).toEqual([]);
      expect(ms).toBeGreaterThanOrEqual(timeout);
      if (timeout === 5) selector.register(a, EVENT_READ);
    }
  });

  it("selectAsync() leaves timers and promises running, and tells what another thread sends", async () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ);
    let ticks = 0;
    let sent: Promise<unknown> | undefined;
    const timer = setInterval(() => { // it is sent only if timers run while it waits
      if (++ticks === 4) {
        sent = helper.later({ kind: "write", fd: b.fileno(), text: "x", afterMs: 0 });
      }
    }, 2);
    try {
      expect(await selector.selectAsync(20_000)).toEqual([[key, EVENT_READ]]);
    } finally {
      clearInterval(timer);
    }
    await sent;
  });

  it("selectAsync() costs no processor time while nothing is ready", async () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    await selector.selectAsync(10); // the other thread has started
    const before = process.cpuUsage();
    await selector.selectAsync(400);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(200); // of 400; other tests' threads are in it
  });

  it("selectAsync() again and again: each message is told once it is there", async () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ);
    for (let i = 0; i < 20; i++) {
      setTimeout(() => b.send(encode("x")), i % 3);
      expect(await selector.selectAsync(5000)).toEqual([[key, EVENT_READ]]);
      expect(receive(a, 1).length).toBe(1);
    }
    expect(await selector.selectAsync(5)).toEqual([]);
  });

  it("registrations may change meanwhile: register, modify and unregister count", async () => {
    const [selector, a, b, idle] = own(create(), ...socketPair(), ...socketPair());
    selector.register(a, EVENT_READ);
    const registered = selector.selectAsync(5000);
    await sleep(10);
    const key = selector.register(b, EVENT_WRITE);
    expect(await registered).toEqual([[key, EVENT_WRITE]]);
    selector.modify(b, EVENT_READ);
    const modified = selector.selectAsync(5000);
    await sleep(10);
    const changed = selector.modify(b, EVENT_WRITE);
    expect(await modified).toEqual([[changed, EVENT_WRITE]]);
    selector.unregister(b);
    selector.register(idle, EVENT_READ);
    const unregistered = selector.selectAsync(60);
    await sleep(5);
    selector.unregister(a);
    b.send(encode("x"));
    expect(await unregistered).toEqual([]);
  });

  it("wakeup() ends it with [], and so does wake(handle) of another thread", async () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    setTimeout(() => selector.wakeup(), 10);
    expect(await selector.selectAsync()).toEqual([]);
    const handle = selector.wakeHandle();
    const woken = helper.later({ kind: "wake", handle, afterMs: 20 });
    expect(await selector.selectAsync()).toEqual([]);
    await woken;
    wake(handle); // before the wait: for the next one
    expect(await selector.selectAsync()).toEqual([]);
    const { ms } = await timedAsync(() => selector.selectAsync(20));
    expect(ms).toBeGreaterThanOrEqual(20);
  });

  it("an aborted signal rejects with its reason, before and meanwhile; the selector goes on", async () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ);
    const reason = new Error("enough");
    const controller = new AbortController();
    const { signal } = controller;
    setTimeout(() => controller.abort(reason), 10);
    expect(await rejection(selector.selectAsync(undefined, { signal }))).toBe(reason);
    expect(await rejection(selector.selectAsync(undefined, { signal }))).toBe(reason);
    b.send(encode("x"));
    expect(await selector.selectAsync(5000)).toEqual([[key, EVENT_READ]]);
  });

  it("close() meanwhile rejects with SelectorClosedError, and so does a call afterwards", async () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    setTimeout(() => selector.close(), 10);
    expect(await rejection(selector.selectAsync()) instanceof SelectorClosedError).toBe(true);
    expect(await rejection(selector.selectAsync()) instanceof SelectorClosedError).toBe(true);
  });

  it("one at a time, and NaN is a RangeError: rejections, not exceptions", async () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    expect(await rejection(selector.selectAsync(NaN)) instanceof RangeError).toBe(true);
    const first = selector.selectAsync(30);
    expect(String(await rejection(selector.selectAsync(30)))).toMatch(/another selectAsync/);
    expect(await first).toEqual([]);
  });

  it("several selectors wait at once, each for its own", async () => {
    const pairs = [0, 1, 2].map(() => own(create(), ...socketPair()));
    const told: number[] = [];
    const waits = pairs.map(async ([selector, a], i) => {
      selector.register(a, EVENT_READ);
      await selector.selectAsync(5000);
      told.push(i);
    });
    await sleep(15);
    for (const [turn, i] of [2, 0, 1].entries()) {
      expect(told.length).toBe(turn);
      pairs[i]![2].send(encode("x"));
      await until(() => told.length > turn);
    }
    await Promise.all(waits);
    expect(told).toEqual([2, 0, 1]);
  });
}
