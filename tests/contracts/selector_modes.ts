// The ways of watching that a selector has or lacks: edges, one-shots, exclusive wake-ups, priority; and
// the system's own bits next to the portable ones.
import { expect, it } from "bun:test";
import {
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_WRITE,
  type SelectorName,
  UnsupportedModeError,
  type WatchOptions,
} from "../../lib/selectors/mod.ts";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import { POLLHUP, POLLIN, POLLOUT } from "../../lib/sys/constants.ts";
import { check } from "../../lib/sys/errno.ts";
import { EV_EOF } from "../../lib/sys/bsd/kevent.ts";
import { c } from "../../lib/sys/posix.ts";
import { system } from "../../lib/sys/system.ts";
import { encode, fill, ownership, portOf, receive, tcpPair, thrownBy } from "../support/sockets.ts";
import { settles } from "../support/waiting.ts";
import type { Create } from "./create.ts";

const BOTH = EVENT_READ | EVENT_WRITE;
const MSG_OOB = 1;

const HAS: Record<keyof WatchOptions, SelectorName[]> = {
  edge: ["epoll", "kqueue"],
  oneshot: ["epoll", "kqueue"],
  exclusive: ["epoll"],
  priority: system === "darwin"
    ? ["select", "poll", "kqueue"]
    : system === "windows"
    ? ["select"]
    : ["select", "poll", "epoll"],
};

export function modeCases(name: SelectorName, create: Create): void {
  const own = ownership();
  const has = (mode: keyof WatchOptions) => HAS[mode].includes(name);

  for (const mode of Object.keys(HAS) as (keyof WatchOptions)[]) {
    if (has(mode)) continue;
    it(`register() with { ${mode} } is an UnsupportedModeError that says who has it`, () => {
      const [selector, a] = own(create(), ...socketPair());
      const error = thrownBy(() => selector.register(a, EVENT_READ, undefined, { [mode]: true }));
      expect(error instanceof UnsupportedModeError).toBe(true);
      expect(error.message).toContain(`"${mode}"`);
      expect(error.message).toContain(HAS[mode][0]!);
      expect(selector.getMap().size).toBe(0);
      selector.register(a, EVENT_READ, undefined, { [mode]: false });
    });
  }

  it("the system's own bits are dispatch's third argument", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    selector.register(a, BOTH);
    b.send(encode("x"));
    let raw = 0;
    settles(() => (selector.dispatch(1000, (_, __, bits) => raw = bits), raw !== 0), true);
    if (["poll", "wsapoll", "epoll"].includes(name)) {
      expect(raw & POLLIN & ~0x200).not.toBe(0); // Windows: POLLIN has two bits
      expect(raw & POLLOUT).not.toBe(0);
      expect(raw & POLLHUP).toBe(0);
      b.close();
      // A closed Unix socket is a hang-up for its peer; TCP says that only when both sides have ended.
      if (system === "linux") {
        settles(() => (selector.dispatch(0, (_, __, bits) => raw = bits), raw & POLLHUP), POLLHUP);
        expect(raw & POLLHUP).toBe(POLLHUP);
      }
    } else if (name === "kqueue") {
      expect(raw & EV_EOF).toBe(0);
      b.close();
      settles(() => (selector.dispatch(0, (_, __, bits) => raw = bits), raw & EV_EOF), EV_EOF);
      expect(raw & EV_EOF).toBe(EV_EOF);
    } else {
      expect(raw & 3).toBe(3);
    }
  });

  if (has("edge")) {
    it("edge: told once when data comes, again with more data, and not in between", () => {
      const [selector, a, b] = own(create(), ...socketPair());
      const key = selector.register(a, EVENT_READ, undefined, { edge: true });
      expect(selector.select(0)).toEqual([]);
      b.send(encode("x"));
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
      expect(selector.select(0)).toEqual([]);
      b.send(encode("y"));
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
      expect(selector.select(0)).toEqual([]);
      receive(a, 2);
      expect(selector.select(0)).toEqual([]);
    });

    it("edge: what is ready at register() is told, and a full buffer tells when there is room", () => {
      const [selector, a, b] = own(create(), ...socketPair());
      const key = selector.register(a, EVENT_WRITE, undefined, { edge: true });
      expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
      expect(selector.select(0)).toEqual([]);
      const bytes = fill(a);
      selector.select(0); // an edge of the time when it was being filled
      receive(b, bytes);
      expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
      expect(selector.select(0)).toEqual([]);
    });

    it("edge: the end of the stream is told", () => {
      const [selector, a, b] = own(create(), ...tcpPair());
      const key = selector.register(a, EVENT_READ, undefined, { edge: true });
      b.close();
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
    });
  }

  if (has("oneshot")) {
    it("oneshot: told once, then silent until modify() arms it again", () => {
      const [selector, a, b] = own(create<string>(), ...socketPair());
      const key = selector.register(a, EVENT_READ, "data", { oneshot: true });
      b.send(encode("x"));
      for (let i = 0; i < 3; i++) {
        expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
        for (let j = 0; j < 3; j++) expect(selector.select(0)).toEqual([]);
        expect(selector.modify(a, EVENT_READ, "data")).toBe(key); // the same key, and armed
      }
      const changed = selector.modify(a, EVENT_WRITE, "other");
      expect(selector.select(1000)).toEqual([[changed, EVENT_WRITE]]);
      expect(selector.select(0)).toEqual([]);
      b.close();
      expect(selector.select(20)).toEqual([]); // asleep, also for a hang-up
      selector.unregister(a);
    });

    it("oneshot: modify() before it was told does not make it told twice", () => {
      const [selector, a, b] = own(create(), ...socketPair());
      const key = selector.register(a, EVENT_READ, undefined, { oneshot: true });
      selector.select(0);
      selector.modify(a, EVENT_READ);
      b.send(encode("x"));
      selector.modify(a, EVENT_READ);
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
      expect(selector.select(0)).toEqual([]);
    });

    it("oneshot: disarmed while stale registrations are removed, it stays disarmed and can be armed", () => {
      const [selector, a, b] = own(create(), ...socketPair());
      const [stale] = own(...socketPair());
      const key = selector.register(a, EVENT_READ, undefined, { oneshot: true });
      b.send(encode("x"));
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
      own(Socket.fromFd(check(c.dup(stale.fileno()), "dup")));
      selector.register(stale, EVENT_WRITE);
      stale.close();
      selector.unregister(stale);
      b.close();
      expect(selector.select(20)).toEqual([]);
      selector.modify(a, EVENT_READ);
      expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
    });
  }

  if (has("exclusive")) {
    it("exclusive: an arrival wakes one of two selectors; the key works as any other", () => {
      const [first, second, listener] = own(
        create(),
        create(),
        Socket.listen({ host: "127.0.0.1" }),
      );
      const keys = [first, second].map((selector) =>
        selector.register(listener, EVENT_READ, undefined, { exclusive: true })
      );
      own(Socket.connect({ port: portOf(listener), timeoutMs: 1000 }));
      expect(first.select(1000)).toEqual([[keys[0], EVENT_READ]]);
      first.modify(listener, BOTH); // epoll_ctl(2) refuses that; here it is taken out and put in again
      first.modify(listener, EVENT_READ);
      expect(first.select(1000).length).toBe(1);
      first.unregister(listener);
      expect(first.select(0)).toEqual([]);
    });

    it("exclusive with oneshot or priority is a RangeError", () => {
      const [selector, a] = own(create(), ...socketPair());
      for (const more of [{ oneshot: true }, { priority: true }]) {
        expect(() => selector.register(a, EVENT_READ, undefined, { exclusive: true, ...more }))
          .toThrow(RangeError);
      }
    });
  }

  if (has("priority")) {
    it("priority: out-of-band data is EVENT_PRIORITY, beside the portable events", () => {
      const [selector, a, b] = own(create(), ...tcpPair());
      const key = selector.register(a, EVENT_READ, undefined, { priority: true });
      expect(selector.select(0)).toEqual([]);
      check(c.sendBytes(b.fileno(), encode("!"), 1, MSG_OOB), "send");
      expect(settles(() => selector.select(1000)[0]?.[1], EVENT_PRIORITY)).toBe(EVENT_PRIORITY);
      b.send(encode("x"));
      const all = EVENT_PRIORITY | EVENT_READ;
      expect(settles(() => selector.select(1000)[0]?.[1], all)).toBe(all);
      // kqueue tells it with every arrival, the others for as long as it is there.
      if (name !== "kqueue") expect(selector.select(1000)).toEqual([[key, all]]);
      selector.unregister(a);
      const plain = selector.register(a, BOTH); // and nobody else hears of it
      expect(selector.select(1000)).toEqual([[plain, BOTH]]);
    });
  }
}
