// The cases of CPython's Lib/test/test_selectors.py, under their own names.
import { expect, it } from "bun:test";
import {
  AlreadyRegisteredError,
  EVENT_READ,
  EVENT_WRITE,
  NotRegisteredError,
  SelectorClosedError,
} from "../../lib/selectors/mod.ts";
import { openFileLimit, raiseOpenFileLimit } from "../../lib/sys/process/limits.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { decode, duplicateAt, encode, ownership, receive } from "../support/sockets.ts";
import { timed } from "../support/waiting.ts";
import type { Create } from "./create.ts";

export function portedCases(create: Create): void {
  const own = ownership();

  it("test_register: the key has the four fields, and is found in the map", () => {
    const [selector, a] = own(create<string | undefined>(), ...socketPair());
    const key = selector.register(a, EVENT_READ, "foo");
    expect(key).toEqual({ fileobj: a, fd: a.fileno(), events: EVENT_READ, data: "foo" });
    expect(key.fileobj).toBe(a);
    expect(selector.getMap().get(a.fileno())).toBe(key);
    expect(() => selector.register(0, 999999)).toThrow(RangeError);
    expect(() => selector.register(-10, EVENT_READ)).toThrow(RangeError);
    expect(() => selector.register(a, EVENT_READ)).toThrow(AlreadyRegisteredError);
    expect(() => selector.register(a.fileno(), EVENT_READ)).toThrow(AlreadyRegisteredError);
  });

  it("test_unregister: returns the key; unknown, and the second time, is an error", () => {
    const [selector, a] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ);
    expect(selector.unregister(a)).toBe(key);
    expect(() => selector.unregister(999999)).toThrow(NotRegisteredError);
    expect(() => selector.unregister(a)).toThrow(NotRegisteredError);
  });

  it("test_unregister_after_fd_close: by number", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const [r, w] = [a.fileno(), b.fileno()];
    selector.register(r, EVENT_READ);
    selector.register(w, EVENT_WRITE);
    a.close();
    b.close();
    selector.unregister(r);
    selector.unregister(w);
    expect(selector.getMap().size).toBe(0);
  });

  it("test_unregister_after_fd_close_and_reuse: by number", () => {
    const [selector, a, b, other] = own(create(), ...socketPair(), ...socketPair());
    const [r, w] = [a.detach(), b.detach()];
    selector.register(r, EVENT_READ);
    selector.register(w, EVENT_WRITE);
    own(duplicateAt(other.fileno(), r), duplicateAt(other.fileno(), w));
    selector.unregister(r);
    selector.unregister(w);
    expect(selector.getMap().size).toBe(0);
  });

  it("test_unregister_after_socket_close: by the closed object", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    selector.register(b, EVENT_WRITE);
    a.close();
    b.close();
    selector.unregister(a);
    selector.unregister(b);
    expect(selector.getMap().size).toBe(0);
  });

  it("test_modify: events, data, unknown", () => {
    const [selector, a] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ);
    const key2 = selector.modify(a, EVENT_WRITE);
    expect(key2.events).not.toBe(key.events);
    expect(selector.getKey(a)).toBe(key2);
    selector.unregister(a);

    selector.register(a, EVENT_READ, {});
    const data = {};
    const key3 = selector.modify(a, EVENT_READ, data);
    expect(key3.events).toBe(EVENT_READ);
    expect(key3.data).toBe(data);
    expect(selector.getKey(a)).toBe(key3);
    expect(() => selector.modify(999999, EVENT_READ)).toThrow(NotRegisteredError);
  });

  it("test_close: afterwards nothing is found, and an older map is empty", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const map = selector.getMap();
    selector.register(a, EVENT_READ);
    selector.register(b, EVENT_WRITE);
    selector.close();
    expect(() => selector.getKey(a)).toThrow(SelectorClosedError);
    expect(() => selector.getKey(b)).toThrow(SelectorClosedError);
    expect(map.get(a.fileno())).toBe(undefined);
    expect(map.has(b.fileno())).toBe(false);
    selector.close();
  });

  it("test_get_key: the key; unknown is an error", () => {
    const [selector, a] = own(create<string>(), ...socketPair());
    const key = selector.register(a, EVENT_READ, "foo");
    expect(selector.getKey(a)).toBe(key);
    expect(selector.getKey(a.fileno())).toBe(key);
    expect(() => selector.getKey(999999)).toThrow(NotRegisteredError);
  });

  it("test_get_map: a live, read-only view by descriptor", () => {
    const [selector, a] = own(create<string>(), ...socketPair());
    const map = selector.getMap();
    expect([map.size, map.has(a.fileno()), [...map]]).toEqual([0, false, []]);
    const key = selector.register(a, EVENT_READ, "foo");
    const fd = a.fileno();
    expect([map.size, map.has(fd), map.get(fd)]).toEqual([1, true, key]);
    expect([...map.keys()]).toEqual([fd]);
    expect([...map.values()]).toEqual([key]);
    expect([...map.entries()]).toEqual([[fd, key]]);
    expect([...map]).toEqual([[fd, key]]);
    const seen: unknown[] = [];
    map.forEach((value, at, whole) => seen.push(value, at, whole));
    expect(seen).toEqual([key, fd, map]);
    expect(map.get(999999)).toBe(undefined);
    expect("delete" in map || "set" in map || "clear" in map).toBe(false);
  });

  it("test_select: an idle reader and a writable peer: exactly the writer", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    const key = selector.register(b, EVENT_WRITE);
    const ready = selector.select();
    expect(ready).toEqual([[key, EVENT_WRITE]]);
    expect(ready[0]![0]).toBe(key);
  });

  it("test_select_read_write: both are seen in one call and one entry", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const key = selector.register(a, EVENT_READ | EVENT_WRITE);
    b.send(encode("hello"));
    expect(selector.select(1000)).toEqual([[key, EVENT_READ | EVENT_WRITE]]);
  });

  it("test_context_manager: leaving the block closes", () => {
    const [a, b] = own(...socketPair());
    let leaked;
    {
      using selector = create();
      selector.register(a, EVENT_READ);
      selector.register(b, EVENT_WRITE);
      leaked = selector;
    }
    expect(() => leaked.getKey(a)).toThrow(SelectorClosedError);
    expect(() => leaked.getKey(b)).toThrow(SelectorClosedError);
  });

  it("test_fileno: where there is one, it is a descriptor", () => {
    const [selector] = own(create());
    const { fileno } = selector as { fileno?: () => number };
    if (fileno) expect(fileno.call(selector)).toBeGreaterThanOrEqual(0);
  });

  it("test_selector: a message to each of 12 pairs in random order wakes exactly its reader", () => {
    const [selector] = own(create<number>());
    const pairs = Array.from({ length: 12 }, () => own(...socketPair()));
    pairs.forEach(([reader], i) => selector.register(reader, EVENT_READ, i));
    const order = pairs.map((_, i) => i).sort(() => Math.random() - 0.5);
    for (const i of order) {
      pairs[i]![1].send(encode(`message ${i}`));
      const ready = selector.select(1000);
      expect(ready.map(([key, events]) => [key.data, events])).toEqual([[i, EVENT_READ]]);
      expect(decode(receive(pairs[i]![0], `message ${i}`.length))).toBe(`message ${i}`);
    }
    expect(selector.select(0)).toEqual([]);
  });

  it("test_empty_select: nothing registered, no time: nothing", () => {
    const [selector] = own(create());
    expect(selector.select(0)).toEqual([]);
  });

  it("test_timeout: 0 and -1 return at once, 500 ms takes about that", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const key = selector.register(b, EVENT_WRITE);
    for (const timeout of [0, -1]) {
      const { result, ms } = timed(() => selector.select(timeout));
      expect(result).toEqual([[key, EVENT_WRITE]]);
      expect(ms).toBeLessThan(4000);
    }
    selector.unregister(b);
    selector.register(a, EVENT_READ);
    for (const timeout of [0, -1]) {
      const { result, ms } = timed(() => selector.select(timeout));
      expect(result).toEqual([]);
      expect(ms).toBeLessThan(4000);
    }
    const { result, ms } = timed(() => selector.select(500));
    expect(result).toEqual([]);
    expect(ms).toBeGreaterThanOrEqual(500);
    expect(ms).toBeLessThan(8000);
  });

  it("test_above_fd_setsize: more descriptors than 1024 (select: as many as fit) all tell", () => {
    raiseOpenFileLimit();
    const [selector] = own(create());
    const most = selector.name === "select" ? 200 : 1200;
    const pairs = Math.min(most, Math.floor((openFileLimit().soft - 200) / 2));
    const writers = new Set<number>();
    for (let i = 0; i < pairs; i++) {
      const [reader, writer] = own(...socketPair());
      selector.register(reader, EVENT_READ);
      selector.register(writer, EVENT_WRITE);
      writers.add(writer.fileno());
    }
    const ready = selector.select(1000);
    expect(ready.length).toBe(pairs);
    expect(ready.every(([key, events]) => writers.has(key.fd) && events === EVENT_WRITE)).toBe(
      true,
    );
  });
}
