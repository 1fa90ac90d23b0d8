// The rows of the contract about a registration's life: modify, closed objects, and close.
import { expect, it } from "bun:test";
import {
  EVENT_READ,
  EVENT_WRITE,
  NotRegisteredError,
  OSError,
  SelectorClosedError,
} from "../../lib/selectors/mod.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { isOpen } from "../../lib/sys/posix.ts";
import { duplicate, duplicateAt, encode, openDescriptors, ownership } from "../support/sockets.ts";
import { thrownBy } from "../support/sockets.ts";
import { onWindows } from "../support/systems.ts";
import type { Create } from "./create.ts";

export function lifeCases(create: Create): void {
  const own = ownership();

  it("modify() of events: what is told changes, the object stays the same", () => {
    const [selector, a, b] = own(create<string>(), ...socketPair());
    b.send(encode("x"));
    selector.register(a, EVENT_READ, "data");
    const write = selector.modify(a.fileno(), EVENT_WRITE, "more");
    expect(write).toEqual({ fileobj: a, fd: a.fileno(), events: EVENT_WRITE, data: "more" });
    expect(write.fileobj).toBe(a);
    expect(selector.select(1000)).toEqual([[write, EVENT_WRITE]]);
    const both = selector.modify(a, EVENT_READ | EVENT_WRITE, "more");
    expect(selector.select(1000)).toEqual([[both, EVENT_READ | EVENT_WRITE]]);
    const read = selector.modify(a, EVENT_READ, "more");
    expect(selector.select(1000)).toEqual([[read, EVENT_READ]]);
    expect(selector.getMap().get(a.fileno())).toBe(read);
  });

  it("modify() that changes nothing returns the same key object", () => {
    const [selector, a] = own(create(), ...socketPair());
    const data = { n: 1 };
    const key = selector.register(a, EVENT_READ, data);
    expect(selector.modify(a, EVENT_READ, data)).toBe(key);
    expect(selector.modify(a, EVENT_READ, { n: 1 })).not.toBe(key); // equal is not the same
  });

  it("modify() replaces the key, and the old one keeps its values", () => {
    const [selector, a] = own(create<number>(), ...socketPair());
    const key = selector.register(a, EVENT_READ, 1);
    const key2 = selector.modify(a, EVENT_WRITE, 2);
    expect([key.events, key.data, key2.events, key2.data]).toEqual([EVENT_READ, 1, EVENT_WRITE, 2]);
  });

  it("modify() without data sets it to undefined", () => {
    const [selector, a] = own(create<string | undefined>(), ...socketPair());
    selector.register(a, EVENT_READ, "data");
    expect(selector.modify(a, EVENT_READ).data).toBe(undefined);
    selector.modify(a, EVENT_READ, "data");
    expect(selector.modify(a, EVENT_WRITE).data).toBe(undefined);
  });

  it("dispatch() after close() says so, whatever the callback is", () => {
    const selector = create();
    selector.close();
    for (const callback of [undefined, 5, () => {}]) {
      expect(() => selector.dispatch(0, callback as never)).toThrow(SelectorClosedError);
    }
  });

  it("modify() of the data only makes no system call: it works on a closed descriptor", () => {
    const [selector, a] = own(create<string>(), ...socketPair());
    const fd = a.fileno();
    selector.register(fd, EVENT_READ, "old");
    a.close();
    const key = selector.modify(fd, EVENT_READ, "new");
    expect(key.data).toBe("new");
    expect(selector.getKey(fd)).toBe(key);
  });

  it("modify() that the kernel refuses: OSError, and the descriptor is unregistered", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const [closed, open] = [a.fileno(), selector.register(b, EVENT_WRITE)];
    selector.register(closed, EVENT_READ);
    a.close();
    const error = thrownBy(() => selector.modify(closed, EVENT_WRITE));
    expect(error instanceof OSError).toBe(true);
    expect(error.code).toBe("EBADF");
    expect(() => selector.getKey(closed)).toThrow(NotRegisteredError);
    expect([...selector.getMap().values()]).toEqual([open]);
    expect(selector.select(1000)).toEqual([[open, EVENT_WRITE]]);
  });

  it("modify() of events by a closed object: OSError EBADF, even if its number lives again", () => {
    const [selector, a, , other] = own(create(), ...socketPair(), ...socketPair());
    const fd = a.fileno();
    selector.register(a, EVENT_READ);
    a.close();
    own(duplicateAt(other.fileno(), fd));
    expect(thrownBy(() => selector.modify(a, EVENT_WRITE)).code).toBe("EBADF");
    expect(selector.getMap().size).toBe(0);
    expect(selector.select(0)).toEqual([]);
  });

  it("a closed object is found by identity: getKey, modify of the data, unregister", () => {
    const [selector, a, b] = own(create<string>(), ...socketPair());
    selector.register(b, EVENT_READ, "other");
    const key = selector.register(a, EVENT_READ, "data");
    a.close();
    expect(a.fileno()).toBe(-1);
    expect(selector.getKey(a)).toBe(key);
    const key2 = selector.modify(a, EVENT_READ, "other");
    expect(selector.getKey(a)).toBe(key2);
    expect(key2.fd).toBe(key.fd);
    expect(selector.unregister(a)).toBe(key2);
    expect(() => selector.unregister(a)).toThrow(NotRegisteredError);
    expect([...selector.getMap().keys()]).toEqual([b.fileno()]);
  });

  it("the same of an object that throws once it is closed; what was never registered throws", () => {
    const [selector, a, b, other] = own(create<string>(), ...socketPair(), ...socketPair());
    const failure = new Error("of a closed file");
    const file = {
      fileno() {
        if (a.fileno() < 0) throw failure;
        return a.fileno();
      },
    };
    const key = selector.register(file, EVENT_READ, "data");
    b.send(encode("x"));
    expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
    own(duplicate(a.fileno()), duplicateAt(other.fileno(), a.detach()));
    expect(selector.select(20)).toEqual([]);
    expect(selector.getKey(file)).toBe(key);
    expect(selector.modify(file, EVENT_READ, "other").data).toBe("other");
    expect(selector.unregister(file).data).toBe("other");
    expect(thrownBy(() => selector.unregister(file))).toBe(failure);
    expect(thrownBy(() => selector.register(file, EVENT_READ, ""))).toBe(failure);
  });

  it("unregister() after close, and register() of the number's next life", () => {
    const [selector, a, b] = own(create<string>(), ...socketPair());
    const fd = a.fileno();
    selector.register(a, EVENT_READ, "first life");
    a.close();
    selector.unregister(a);
    const [copy] = own(duplicateAt(b.fileno(), fd));
    const key = selector.register(copy, EVENT_WRITE, "second life");
    expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
  });

  it("register() and unregister() a thousand times leave nothing behind", () => {
    const [selector, a, b] = own(create<number>(), ...socketPair());
    b.send(encode("x"));
    for (let i = 0; i < 1000; i++) {
      const key = selector.register(a, i % 2 ? EVENT_READ : EVENT_WRITE, i);
      if (i % 100 === 0) expect(selector.select(0)[0]![0]).toBe(key);
      selector.unregister(a);
    }
    expect(selector.select(0)).toEqual([]);
    expect(selector.getMap().size).toBe(0);
  });

  it("unregister() in any order: those that remain are still told", () => {
    const [selector] = own(create<number>());
    const pairs = Array.from({ length: 100 }, () => own(...socketPair()));
    for (const [i, [a]] of pairs.entries()) selector.register(a, EVENT_WRITE, i);
    const left = new Set(pairs.keys());
    for (const i of [...left].sort(() => Math.random() - 0.5).slice(0, 70)) {
      selector.unregister(pairs[i]![0]);
      left.delete(i);
    }
    const told = selector.select(1000).map(([key]) => key.data).sort((x, y) => x - y);
    expect(told).toEqual([...left].sort((x, y) => x - y));
  });

  it("after close() every call but close throws SelectorClosedError, and an old map is empty", () => {
    const [selector, a] = own(create(), ...socketPair());
    const map = selector.getMap();
    selector.register(a, EVENT_READ);
    selector.close();
    const calls: (() => unknown)[] = [
      () => selector.register(a, EVENT_READ),
      () => selector.register(-1, 0), // before the arguments are looked at
      () => selector.modify(a, EVENT_READ),
      () => selector.unregister(a),
      () => selector.select(0),
      () => selector.dispatch(0, () => {}),
      () => selector.wakeup(),
      () => selector.wakeHandle(),
      () => selector.getKey(a),
      () => selector.getMap(),
    ];
    for (const call of calls) expect(call).toThrow(SelectorClosedError);
    expect([map.size, [...map.keys()], map.has(a.fileno())]).toEqual([0, [], false]);
    selector.close();
    selector[Symbol.dispose]();
    expect(isOpen(a.fileno())).toBe(true); // the registered descriptor is not the selector's to close
  });

  it("close() gives back every descriptor that the selector had", () => {
    create().close(); // what a thread keeps for all its selectors is made now
    const before = openDescriptors();
    for (let i = 0; i < 20; i++) {
      const selector = create();
      selector.wakeHandle();
      selector.close();
    }
    // On Windows the runtime's own handles count, too.
    expect(openDescriptors() - before).toBeLessThan(onWindows ? 20 : 1);
  });

  it("two selectors watch one descriptor without knowing of each other", () => {
    const [one, two, a, b] = own(create<number>(), create<number>(), ...socketPair());
    const key1 = one.register(a, EVENT_READ, 1);
    const key2 = two.register(a, EVENT_READ | EVENT_WRITE, 2);
    b.send(encode("x"));
    expect(one.select(1000)).toEqual([[key1, EVENT_READ]]);
    expect(two.select(1000)).toEqual([[key2, EVENT_READ | EVENT_WRITE]]);
    one.unregister(a);
    expect(two.select(1000).length).toBe(1);
  });
}
