// The rows of the contract about events: which are told, how, and what callbacks may do.
import { expect, it } from "bun:test";
import { EVENT_READ, EVENT_WRITE, SelectorClosedError } from "../../lib/selectors/mod.ts";
import { type Socket, socketPair } from "../../lib/net/mod.ts";
import { encode, fill, ownership, pipe, receive, tcpPair } from "../support/sockets.ts";
import { itUnless, NO_PIPES } from "../support/systems.ts";
import { settles } from "../support/waiting.ts";
import type { Create } from "./create.ts";

const BOTH = EVENT_READ | EVENT_WRITE;

export function dispatchCases(create: Create): void {
  const own = ownership();

  /** Two sockets with a byte to read. */
  const twoReadable = (): [Socket, Socket] => {
    const [a, a2] = own(...socketPair());
    const [b, b2] = own(...socketPair());
    a2.send(encode("a"));
    b2.send(encode("b"));
    return [a, b];
  };

  it("dispatch() calls back for each ready key and returns how many", () => {
    const [selector] = own(create<string>());
    const [a, b] = twoReadable();
    const keys = [selector.register(a, EVENT_READ, "a"), selector.register(b, BOTH, "b")];
    const told = new Map<unknown, number>();
    expect(selector.dispatch(1000, (key, events) => told.set(key, events))).toBe(2);
    expect([told.get(keys[0]), told.get(keys[1])]).toEqual([EVENT_READ, BOTH]);
    selector.unregister(a);
    selector.unregister(b);
    expect(selector.dispatch(0, () => told.clear())).toBe(0);
    expect(told.size).toBe(2);
  });

  it("READ and WRITE both ready are one entry with both bits", () => {
    const [selector] = own(create());
    for (const [a, b] of [own(...socketPair()), own(...tcpPair())]) {
      const key = selector.register(a, BOTH);
      expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
      b.send(encode("x"));
      expect(settles(() => selector.select(1000)[0]![1], BOTH)).toBe(BOTH);
      expect(selector.select(1000)).toEqual([[key, BOTH]]);
      selector.unregister(a);
    }
  });

  it("readiness is a level: it is told until it is used up", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ);
    b.send(encode("x"));
    for (let i = 0; i < 3; i++) expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
    receive(a, 1);
    expect(selector.select(0)).toEqual([]);
  });

  for (const asked of [EVENT_READ, EVENT_WRITE, BOTH]) {
    it(`a reset connection wakes what was asked for (${asked})`, () => {
      const [selector, a, b] = own(create(), ...tcpPair());
      const key = selector.register(a, asked);
      b.setLinger(0);
      b.close();
      expect(settles(() => selector.select(1000)[0]?.[1], asked)).toBe(asked);
      expect(selector.select(1000)).toEqual([[key, asked]]);
    });

    it(`a peer that hung up wakes what was asked for (${asked})`, () => {
      const [selector, a, b] = own(create(), ...socketPair());
      const key = selector.register(a, asked);
      b.close();
      expect(selector.select(1000)).toEqual([[key, asked]]);
    });
  }

  itUnless(NO_PIPES, "a hang-up of a pipe wakes its reader, an error its writer", () => {
    const [selector, reader, lost] = own(create(), ...pipe());
    const read = selector.register(reader, EVENT_READ);
    lost.close();
    expect(selector.select(1000)).toEqual([[read, EVENT_READ]]);
    selector.unregister(reader);
    const [gone, writer] = own(...pipe());
    const write = selector.register(writer, EVENT_WRITE);
    gone.close();
    expect(selector.select(1000)).toEqual([[write, EVENT_WRITE]]);
  });

  itUnless(NO_PIPES, "an error wakes a writer that has no room either", () => {
    const [selector, reader, writer] = own(create(), ...pipe());
    fill(writer);
    const key = selector.register(writer, EVENT_WRITE);
    expect(selector.select(0)).toEqual([]);
    reader.close();
    expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
  });

  it("a callback that unregisters another ready key: that key's event is dropped", () => {
    const [selector] = own(create());
    const [a, b] = twoReadable();
    selector.register(a, EVENT_READ);
    selector.register(b, EVENT_READ);
    const told: unknown[] = [];
    const called = selector.dispatch(1000, (key) => {
      told.push(key.fileobj);
      selector.unregister(key.fileobj === a ? b : a);
    });
    expect([called, told.length]).toEqual([1, 1]);
    expect(selector.getMap().size).toBe(1);
  });

  it("a callback that unregisters its own key: the others are still told", () => {
    const [selector] = own(create());
    const sockets = [...twoReadable(), ...twoReadable(), ...twoReadable()];
    for (const socket of sockets) selector.register(socket, EVENT_READ);
    const told = new Set<unknown>();
    const called = selector.dispatch(1000, (key) => {
      told.add(key.fileobj);
      selector.unregister(key.fileobj);
    });
    expect([called, told.size, selector.getMap().size]).toEqual([6, 6, 0]);
  });

  it("a callback that registers a ready key anew: the event of before is dropped", () => {
    const [selector] = own(create<string>());
    const [a, b] = twoReadable();
    selector.register(a, EVENT_READ, "old");
    selector.register(b, EVENT_READ, "old");
    const told: string[] = [];
    selector.dispatch(1000, (key) => {
      told.push(key.data);
      const other = key.fileobj === a ? b : a;
      selector.unregister(other);
      selector.register(other, EVENT_READ, "new");
    });
    expect(told).toEqual(["old"]);
    const next = selector.select(1000).map(([key]) => key.data);
    expect(next.sort()).toEqual(["new", "old"]);
  });

  it("a callback that changes another key's events: what is no longer asked for is dropped", () => {
    const [selector] = own(create());
    const [a, b] = twoReadable();
    selector.register(a, EVENT_READ);
    selector.register(b, EVENT_READ);
    const called = selector.dispatch(1000, (key) => {
      selector.modify(key.fileobj === a ? b : a, EVENT_WRITE);
    });
    expect(called).toBe(1);
  });

  it("a callback sees a key with the data that an earlier callback gave it", () => {
    const [selector] = own(create<string>());
    const [a, b] = twoReadable();
    selector.register(a, EVENT_READ, "old");
    selector.register(b, EVENT_READ, "old");
    const told: string[] = [];
    selector.dispatch(1000, (key) => {
      told.push(key.data);
      selector.modify(key.fileobj === a ? b : a, EVENT_READ, "new");
    });
    expect(told).toEqual(["old", "new"]);
  });

  it("a callback that registers many: they are told by the next wait", () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_WRITE);
    const called = selector.dispatch(1000, () => {
      for (let i = 0; i < 100; i++) selector.register(own(...socketPair())[0], EVENT_WRITE);
    });
    expect(called).toBe(1);
    expect(selector.select(1000).length).toBe(101);
  });

  it("a callback that closes the selector is the last one", () => {
    const [selector] = own(create());
    for (const socket of twoReadable()) selector.register(socket, EVENT_READ);
    expect(selector.dispatch(1000, () => selector.close())).toBe(1);
    expect(() => selector.select(0)).toThrow(SelectorClosedError);
  });

  it("a callback that throws ends the dispatch; nothing is lost, and the selector goes on", () => {
    const [selector] = own(create());
    for (const socket of twoReadable()) selector.register(socket, EVENT_READ);
    expect(() =>
      selector.dispatch(1000, () => {
        throw new Error("of the callback");
      })
    ).toThrow("of the callback");
    expect(selector.select(1000).length).toBe(2);
  });

  it("a callback must not wait on the same selector, but may on another", () => {
    const [selector, other] = own(create(), create());
    const [a, b] = twoReadable();
    selector.register(a, EVENT_READ);
    other.register(b, EVENT_READ);
    const called = selector.dispatch(1000, () => {
      expect(() => selector.select(0)).toThrow(/dispatch callback/);
      expect(other.select(1000).length).toBe(1);
    });
    expect(called).toBe(1);
    expect(selector.select(0).length).toBe(1);
  });
}
