// The rows of the contract about wakeup(), wake() from other threads, and signals.
import { afterAll, beforeAll, expect, it } from "bun:test";
import {
  EVENT_READ,
  NotRegisteredError,
  type SelectorName,
  wake,
} from "../../lib/selectors/mod.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { HelperThread } from "../support/helper_thread.ts";
import { isWaiting, Program } from "../support/programs.ts";
import { encode, ownership } from "../support/sockets.ts";
import { itUnless, NO_SIGNALS } from "../support/systems.ts";
import { timed } from "../support/waiting.ts";
import type { Create } from "./create.ts";

export function wakeupCases(name: SelectorName, create: Create): void {
  const own = ownership();
  let helper: HelperThread;
  beforeAll(async () => void (helper = await HelperThread.start()));
  afterAll(() => helper.stop());

  /** Asserts that a wait is not cut short: no wake-up is left over. */
  const waitsFully = (select: (ms: number) => unknown[]) => {
    const { result, ms } = timed(() => select(25));
    expect(result).toEqual([]);
    expect(ms).toBeGreaterThanOrEqual(25);
  };

  it("wakeup() makes the next wait return [] at once, and only that one", () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    for (let i = 0; i < 3; i++) {
      selector.wakeup();
      const { result, ms } = timed(() => selector.select(10_000));
      expect(result).toEqual([]);
      expect(ms).toBeLessThan(8000);
      waitsFully((ms) => selector.select(ms));
    }
  });

  it("wakeup() several times counts as one", () => {
    const [selector] = own(create());
    for (let i = 0; i < 5; i++) selector.wakeup();
    expect(selector.select()).toEqual([]);
    waitsFully((ms) => selector.select(ms));
  });

  it("wakeup() from a callback is for the next wait", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    b.send(encode("x"));
    expect(selector.dispatch(1000, () => selector.wakeup())).toBe(1);
    expect(selector.dispatch(1000, () => {})).toBe(0);
    expect(selector.dispatch(1000, () => {})).toBe(1);
  });

  it("wake(handle) of a Worker ends a wait without a timeout with []", async () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    const handle = selector.wakeHandle();
    const woken = helper.later({ kind: "wake", handle, afterMs: 30 });
    const { result, ms } = timed(() => selector.select());
    expect(result).toEqual([]);
    expect(ms).toBeGreaterThan(15);
    await woken;
    waitsFully((ms) => selector.select(ms));
  });

  it("wake(handle) ends a wait with nothing registered, and a wait with a timeout", async () => {
    const [selector] = own(create());
    const handle = selector.wakeHandle();
    const woken = helper.later({ kind: "wake", handle, afterMs: 20 });
    const { result, ms } = timed(() => selector.select(8000));
    expect(result).toEqual([]);
    expect(ms).toBeLessThan(6000);
    await woken;
  });

  it("wake(handle) before the wait is for the next one, and several count as one", () => {
    const [selector] = own(create());
    const handle = selector.wakeHandle();
    for (let i = 0; i < 5; i++) wake(handle);
    expect(selector.select()).toEqual([]);
    waitsFully((ms) => selector.select(ms));
  });

  it("wakeup() and wake(handle) together count as one", () => {
    const [selector] = own(create());
    wake(selector.wakeHandle());
    selector.wakeup();
    expect(selector.select()).toEqual([]);
    waitsFully((ms) => selector.select(ms));
  });

  it("wake(handle) beside a ready key: the key is told, and the wake-up is used up", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ);
    b.send(encode("x"));
    wake(selector.wakeHandle());
    expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
    selector.unregister(a);
    waitsFully((ms) => selector.select(ms));
  });

  it("wakeHandle() is structured-cloneable, always the same, and no registration to be seen", () => {
    const [selector] = own(create());
    const handle = selector.wakeHandle();
    expect(selector.wakeHandle()).toBe(handle);
    expect(structuredClone(handle)).toEqual(handle);
    wake(structuredClone(handle));
    expect(selector.select(2000)).toEqual([]);
    expect(selector.getMap().size).toBe(0);
    expect(() => selector.getKey(handle.wakeFd)).toThrow(NotRegisteredError);
    expect(() => selector.unregister(handle.wakeFd)).toThrow(NotRegisteredError);
    expect(() => selector.modify(handle.wakeFd, EVENT_READ)).toThrow(NotRegisteredError);
  });

  itUnless(
    NO_SIGNALS,
    "a signal ends a wait of the main thread early with [], and its handler runs next",
    async () => {
      const program = new Program("signal_wait.ts", [name]);
      expect(await program.line()).toBe("waiting");
      await isWaiting(program.pid);
      process.kill(program.pid, "SIGUSR2");
      const { ready, ms, handledBeforeYield, handled } = JSON.parse(await program.line());
      expect({ ready, handledBeforeYield, handled }).toEqual({
        ready: 0,
        handledBeforeYield: 0,
        handled: 1,
      });
      expect(ms).toBeLessThan(8000);
      expect((await program.ended).code).toBe(0);
    },
  );

  itUnless(NO_SIGNALS, "signals do not end the wait of a Worker, nor make it longer", async () => {
    const program = new Program("signal_worker.ts", [name]);
    const { ready, ms, slept } = JSON.parse(await program.line());
    expect(ready).toBe(0);
    expect(slept).toBeGreaterThan(1); // else no signal interrupted it
    expect(ms).toBeGreaterThanOrEqual(300);
    expect(ms).toBeLessThan(10_000); // the signals go on for as long as it waits
    expect((await program.ended).code).toBe(0);
  });
}
