// KqueueSelector over a model of the kernels of macOS and FreeBSD (tests/support/model_kqueue.ts), so
// that its code, and the struct layouts of both, run on every system where the tests do. What the real
// kqueue has to say is in selectors_test.ts.
import { describe, expect, it } from "bun:test";
import { socketPair } from "../../lib/net/mod.ts";
import {
  availableSelectors,
  EVENT_READ,
  EVENT_WRITE,
  NotRegisteredError,
  UnsupportedModeError,
} from "../../lib/selectors/mod.ts";
import { KqueueSelector } from "../../lib/selectors/kqueue.ts";
import { ERRNO } from "../../lib/sys/errno.ts";
import { EV_EOF, EVFILT_WRITE } from "../../lib/sys/bsd/kevent.ts";
import { c } from "../../lib/sys/posix.ts";
import { argumentCases } from "../contracts/selector_arguments.ts";
import { dispatchCases } from "../contracts/selector_dispatch.ts";
import { lifeCases } from "../contracts/selector_life.ts";
import { modeCases } from "../contracts/selector_modes.ts";
import { portedCases } from "../contracts/selector_ported.ts";
import { staleCases } from "../contracts/selector_stale.ts";
import { timeoutCases } from "../contracts/selector_timeouts.ts";
import { ModelKqueue, ModelKqueueSelector } from "../support/model_kqueue.ts";
import {
  Descriptor,
  encode,
  fill,
  ownership,
  pipe,
  receive,
  thrownBy,
} from "../support/sockets.ts";

const BOTH = EVENT_READ | EVENT_WRITE;
const kqueue = availableSelectors().find(({ name }) => name === "kqueue")!;
if (!kqueue.available) console.log(`not run: kqueue: ${kqueue.reason}; a model of it instead`);

/** The model needs Linux: what it asks of poll(2) and of fstat(2) is Linux's own. */
const played = process.platform === "linux" ? ["darwin", "freebsd"] as const : [];

for (const system of played) {
  const model: { queue?: ModelKqueue } = {};
  const create = <T>() => new ModelKqueueSelector<T>(model.queue = new ModelKqueue(system));
  const over = `kqueue over a model of ${system}`;

  describe(`${over}: CPython's test_selectors.py`, () => portedCases(create));
  describe(`${over}: arguments and errors`, () => argumentCases("kqueue", create));
  describe(`${over}: modify and close`, () => lifeCases(create));
  describe(`${over}: timeouts`, () => timeoutCases(create));
  describe(`${over}: dispatch and events`, () => dispatchCases(create));
  describe(`${over}: stale events and registrations`, () => staleCases(create));
  describe(`${over}: modes and raw bits`, () => modeCases("kqueue", create));

  describe(over, () => {
    const own = ownership();

    it("a change that a signal interrupts was made all the same", () => {
      const [selector, a, b] = own(create<string>(), ...socketPair());
      model.queue!.interruptNext = true;
      const key = selector.register(a, BOTH, "x");
      expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
      b.send(encode("x"));
      expect(selector.select(1000)).toEqual([[key, BOTH]]);
      model.queue!.interruptNext = true;
      const less = selector.modify(a, EVENT_READ, "x");
      expect(selector.select(1000)).toEqual([[less, EVENT_READ]]);
      model.queue!.interruptNext = true;
      selector.unregister(a);
      expect(selector.select(10)).toEqual([]);
      expect(model.queue!.size).toBe(0);
      model.queue!.interruptNext = true;
      selector.register(a, BOTH, "x");
      selector.unregister(a);
      expect(model.queue!.size).toBe(0);
    });

    it("register() rolls back when the second of two filters is refused", () => {
      const [selector, a, b] = own(create(), ...socketPair());
      b.send(encode("x"));
      model.queue!.refuseNext = { filter: EVFILT_WRITE, error: ERRNO.ENOMEM! };
      const error = thrownBy(() => selector.register(a, BOTH));
      expect([error.code, error.syscall]).toEqual(["ENOMEM", "kevent"]);
      expect(error.message).toMatch(/^Cannot watch descriptor \d+: ENOMEM \(/);
      expect([selector.getMap().size, model.queue!.size]).toEqual([0, 0]);
      const key = selector.register(a, BOTH);
      expect(selector.select(1000)).toEqual([[key, BOTH]]);
    });

    it("modify() unregisters when a filter is refused, and no filter stays", () => {
      const [selector, a] = own(create(), ...socketPair());
      selector.register(a, EVENT_READ);
      model.queue!.refuseNext = { filter: EVFILT_WRITE, error: ERRNO.ENOMEM! };
      expect(thrownBy(() => selector.modify(a, BOTH)).code).toBe("ENOMEM");
      expect([selector.getMap().size, model.queue!.size]).toEqual([0, 0]);
    });

    it("modify() unregisters when the number lives again: ENOENT", () => {
      const [selector, a, , other] = own(create(), ...socketPair(), ...socketPair());
      const fd = a.detach();
      selector.register(fd, EVENT_READ);
      own(new Descriptor(c.dup2(other.fileno(), fd)));
      const error = thrownBy(() => selector.modify(fd, BOTH));
      expect([error.code, error.syscall]).toEqual(["ENOENT", "kevent"]);
      expect(() => selector.getKey(fd)).toThrow(NotRegisteredError);
      expect(selector.select(10)).toEqual([]); // nor was the other filter added
    });

    it("a writer that nobody reads stays ready, whenever the reader went", () => {
      const [selector, early, writer] = own(create(), ...pipe());
      const [late, other] = own(...pipe());
      early.close(); // FreeBSD: EPIPE at register
      const first = selector.register(writer, EVENT_WRITE);
      for (let i = 0; i < 3; i++) expect(selector.select(1000)).toEqual([[first, EVENT_WRITE]]);
      selector.unregister(writer);
      expect(selector.select(10)).toEqual([]);
      fill(other);
      const second = selector.register(other, EVENT_WRITE);
      expect(selector.select(10)).toEqual([]);
      late.close(); // FreeBSD: told once
      for (let i = 0; i < 3; i++) expect(selector.select(1000)).toEqual([[second, EVENT_WRITE]]);
      expect(selector.modify(other, BOTH).events).toBe(BOTH);
      expect(selector.select(1000)[0]![1] & EVENT_WRITE).toBe(EVENT_WRITE);
      selector.modify(other, EVENT_READ);
      selector.unregister(other);
      expect(selector.select(10)).toEqual([]);
    });

    it("dispatch() passes on the flags: EV_EOF when the peer is gone", () => {
      const [selector, a, b] = own(create(), ...socketPair());
      selector.register(a, BOTH);
      let raw = -1;
      selector.dispatch(0, (_, __, bits) => raw = bits);
      expect(raw & EV_EOF).toBe(0);
      b.close();
      selector.dispatch(0, (_, __, bits) => raw = bits);
      expect(raw & EV_EOF).toBe(EV_EOF);
    });

    it("oneshot: told once for both filters, then silent until modify()", () => {
      const [selector, a, b] = own(create<string>(), ...socketPair());
      const key = selector.register(a, BOTH, "x", { oneshot: true });
      expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
      b.send(encode("x")); // the filter for reading has told nothing yet
      expect(selector.select(10)).toEqual([]);
      expect(selector.modify(a, BOTH, "x")).toBe(key);
      expect(selector.select(1000)).toEqual([[key, BOTH]]);
      expect(selector.select(10)).toEqual([]);
      const other = selector.modify(a, EVENT_READ, "x");
      expect(selector.select(1000)).toEqual([[other, EVENT_READ]]);
      selector.unregister(a);
    });

    it("oneshot: a writer that nobody reads is told once for each modify()", () => {
      const [selector, reader, writer] = own(create<string>(), ...pipe());
      reader.close();
      const key = selector.register(writer, EVENT_WRITE, "x", { oneshot: true });
      for (let i = 0; i < 2; i++) {
        expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
        expect(selector.select(10)).toEqual([]);
        selector.modify(writer, EVENT_WRITE, "x");
      }
    });

    it("edge: told once, and again when there is more", () => {
      const [selector, a, b] = own(create(), ...socketPair());
      const key = selector.register(a, EVENT_READ, undefined, { edge: true });
      b.send(encode("x"));
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
      expect(selector.select(10)).toEqual([]);
      b.send(encode("y"));
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
      receive(a, 2);
      expect(selector.select(10)).toEqual([]);
    });

    it("exclusive is refused, and nothing stays", () => {
      const [selector, a] = own(create(), ...socketPair());
      expect(() => selector.register(a, EVENT_READ, undefined, { exclusive: true })).toThrow(
        UnsupportedModeError,
      );
      expect(selector.getMap().size).toBe(0);
    });

    it("fileno() is -1 after close()", () => {
      const [selector] = own(create());
      expect(selector.fileno()).toBeGreaterThanOrEqual(0);
      selector.close();
      expect(selector.fileno()).toBe(-1);
    });
  });
}

describe("KqueueSelector", () => {
  it("says why it can't be had elsewhere", () => {
    if (kqueue.available) return;
    expect(thrownBy(() => new KqueueSelector()).message).toMatch(
      /^kqueue is part of macOS and FreeBSD, not of /,
    );
  });
});
