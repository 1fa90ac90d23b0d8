// The rows of the contract about descriptors that were closed behind the selector's back: no event of
// an earlier life of a number, and no wake-up that nobody is told of, again and again.
import { expect, it } from "bun:test";
import { EVENT_READ, EVENT_WRITE, type Selector, wake } from "../../lib/selectors/mod.ts";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import { threadCpu } from "../../lib/sys/process/limits.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";
import {
  duplicate,
  duplicateAt,
  encode,
  ownership,
  pipe,
  tcpPair,
  thrownBy,
} from "../support/sockets.ts";
import { timed } from "../support/waiting.ts";
import type { Create } from "./create.ts";

const cpu = () => threadCpu().user + threadCpu().system;

/** Waits in vain, and asserts that the thread slept meanwhile. */
function sleepsFor<T>(selector: Selector<T>, timeoutMs: number): void {
  const before = cpu();
  const { result, ms } = timed(() => selector.select(timeoutMs));
  const used = cpu() - before;
  expect(result).toEqual([]);
  expect(ms).toBeGreaterThanOrEqual(timeoutMs);
  expect(used).toBeLessThan(timeoutMs / 2);
}

export function staleCases(create: Create): void {
  const own = ownership();

  it("stale registration: closed while a duplicate is readable, then unregistered: the wait sleeps", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    b.send(encode("x"));
    own(duplicate(a.fileno()));
    const fd = a.fileno();
    selector.register(fd, EVENT_READ);
    closeFd(a.detach());
    selector.unregister(fd);
    sleepsFor(selector, 100);
    sleepsFor(selector, 100);
  });

  it("stale registration: the peer closed too, and the wait sleeps all the same", () => {
    const [selector, a, b] = own(create(), ...tcpPair());
    own(duplicate(a.fileno()));
    selector.register(a, EVENT_READ | EVENT_WRITE);
    a.close();
    selector.unregister(a);
    b.setLinger(0);
    b.close();
    sleepsFor(selector, 100);
  });

  it("many stale registrations among live ones: the live are reported, and the wait sleeps when they are idle", () => {
    const [selector, living, peer] = own(create(), ...socketPair());
    const key = selector.register(living, EVENT_READ);
    for (let i = 0; i < 100; i++) {
      const [a] = own(...socketPair());
      own(duplicate(a.fileno()));
      selector.register(a, EVENT_WRITE);
      a.close();
      selector.unregister(a);
    }
    sleepsFor(selector, 100);
    peer.send(encode("x"));
    expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
    wake(selector.wakeHandle());
    selector.unregister(living);
    expect(selector.select(1000)).toEqual([]);
  });

  it("stale registrations do not cost a wake-up: wake(handle) still ends the wait", () => {
    const [selector, a] = own(create(), ...socketPair());
    const handle = selector.wakeHandle();
    own(duplicate(a.fileno()));
    selector.register(a, EVENT_WRITE);
    a.close();
    selector.unregister(a);
    sleepsFor(selector, 50);
    wake(handle);
    const { result, ms } = timed(() => selector.select(10_000));
    expect(result).toEqual([]);
    expect(ms).toBeLessThan(8000);
  });

  it("stale: the number lives again and is registered: only its own events are told", () => {
    const [selector, a, b, idle, peer] = own(create<string>(), ...socketPair(), ...socketPair());
    b.send(encode("x"));
    own(duplicate(a.fileno()));
    const fd = a.fileno();
    selector.register(fd, EVENT_READ, "first life");
    closeFd(a.detach());
    selector.unregister(fd);
    const [copy] = own(duplicateAt(idle.fileno(), fd));
    expect(copy.fileno()).toBe(fd);
    const key = selector.register(fd, EVENT_READ, "second life");
    sleepsFor(selector, 100);
    peer.send(encode("y"));
    expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
  });

  it("stale: harvested in one batch with the callback that gives the number a new life", () => {
    const [selector, a, a2] = own(create<string>(), ...socketPair());
    const [b, b2, idle] = own(...socketPair(), ...socketPair());
    a2.send(encode("x"));
    b2.send(encode("x"));
    selector.register(a.fileno(), EVENT_READ, "first life");
    selector.register(b.fileno(), EVENT_READ, "first life");
    const told: string[] = [];
    selector.dispatch(1000, (key) => {
      told.push(key.data);
      const other = key.fd === a.fileno() ? b.fileno() : a.fileno();
      if (told.length > 1) return;
      selector.unregister(other);
      duplicateAt(idle.fileno(), other); // closes it, too; its Socket owns the new life
      selector.register(other, EVENT_READ, "second life");
    });
    expect(told).toEqual(["first life"]);
    expect(selector.select(1000).map(([key]) => key.data)).toEqual(["first life"]);
  });

  it("closed and not unregistered, and its number lives again: the new socket is not told of", () => {
    if (process.platform !== "linux") return console.log("not run: sockets have no identity here");
    for (const event of [EVENT_READ, EVENT_WRITE]) {
      for (const modified of [false, true]) {
        const [selector, a, b] = own(create<string>(), ...socketPair());
        b.send(encode("x"));
        const fd = a.fileno();
        selector.register(a, event, "first life");
        a.close();
        if (modified) selector.modify(a, event, "other data");
        const [e, d] = own(...socketPair());
        expect([e.fileno(), d.fileno()]).toContain(fd);
        for (const socket of [e, d]) socket.send(encode("y"));
        sleepsFor(selector, 50);
        selector.unregister(a);
      }
    }
  });

  it("the same where a bare number was registered: not even once", () => {
    if (process.platform !== "linux") return console.log("not run: sockets have no identity here");
    for (const event of [EVENT_READ, EVENT_WRITE]) {
      const [selector, a, b] = own(create<string>(), ...socketPair());
      b.send(encode("x"));
      const fd = a.fileno();
      selector.register(fd, event, "first life");
      a.close();
      const [e, d] = own(...socketPair());
      expect([e.fileno(), d.fileno()]).toContain(fd);
      for (const socket of [e, d]) socket.send(encode("y"));
      sleepsFor(selector, 50);
      sleepsFor(selector, 50);
      selector.unregister(fd);
      const key = selector.register(fd, event, "second life");
      expect(selector.select(1000)).toEqual([[key, event]]);
    }
  });

  it("modify of a number that is another's by now: refused, and no longer registered", () => {
    if (process.platform !== "linux") return console.log("not run: sockets have no identity here");
    const kinds = [() => own(...socketPair()), () => own(...pipe())];
    for (
      const [first, second] of [kinds, kinds.toReversed(), [kinds[0]!, kinds[0]!], [
        kinds[1]!,
        kinds[1]!,
      ]]
    ) {
      const [selector] = own(create<string>());
      const [a] = first!();
      const [other] = second!();
      const fd = a!.fileno();
      selector.register(fd, EVENT_READ, "first life");
      a!.close();
      own(duplicateAt(other!.fileno(), fd));
      expect(thrownBy(() => selector.modify(fd, EVENT_WRITE, "first life"))).toMatchObject({
        code: "ENOENT",
      });
      expect(selector.getMap().size).toBe(0);
      const key = selector.register(fd, EVENT_READ, "second life");
      expect(selector.modify(fd, EVENT_READ | EVENT_WRITE, "second life").fd).toBe(key.fd);
    }
  });

  it("the same with pipes: the new one is not told of", () => {
    if (process.platform !== "linux") return console.log("not run: pipes have no identity here");
    for (const [end, event] of [[0, EVENT_READ], [1, EVENT_WRITE]] as const) {
      const [selector, ends, others] = [create<string>(), pipe(), pipe()];
      own(selector, ...ends, ...others);
      for (const [, writer] of [ends, others]) c.writeBytes(writer.fileno(), encode("x"), 1);
      const fd = ends[end].fileno();
      const key = selector.register(ends[end], event, "first life");
      expect(selector.select(1000)).toEqual([[key, event]]);
      ends[end].close();
      own(duplicateAt(others[end].fileno(), fd));
      sleepsFor(selector, 50);
      selector.unregister(ends[end]);
    }
  });

  it("detached and not unregistered: it is the same socket, and told of", () => {
    const [selector, a, b] = own(create<string>(), ...socketPair());
    b.send(encode("x"));
    const key = selector.register(a, EVENT_READ, "mine");
    own(Socket.fromFd(a.detach()));
    expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
  });

  it("closed and not unregistered: the wait sleeps, and unregister works", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    b.send(encode("x"));
    const fd = a.fileno();
    selector.register(fd, EVENT_READ | EVENT_WRITE);
    closeFd(a.detach());
    sleepsFor(selector, 100);
    sleepsFor(selector, 100);
    selector.unregister(fd);
    expect(selector.getMap().size).toBe(0);
    sleepsFor(selector, 30);
  });

  it("closed and not unregistered: the others are still told", () => {
    const [selector, a, , living, peer] = own(create(), ...socketPair(), ...socketPair());
    selector.register(a.fileno(), EVENT_READ);
    const key = selector.register(living, EVENT_READ);
    closeFd(a.detach());
    peer.send(encode("x"));
    for (let i = 0; i < 3; i++) expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
  });

  it("closed and noticed by a wait, then its number lives again: unregister and register work", () => {
    const [selector, a, , other] = own(create<string>(), ...socketPair(), ...socketPair());
    const fd = a.fileno();
    selector.register(fd, EVENT_READ, "first life");
    closeFd(a.detach());
    expect(selector.select(0)).toEqual([]);
    own(duplicateAt(other.fileno(), fd));
    expect(selector.select(0)).toEqual([]);
    selector.unregister(fd);
    const key = selector.register(fd, EVENT_WRITE, "second life");
    expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
  });

  it("a hundred closed at once and not unregistered: one wait forgets them all", () => {
    const [selector, living, peer] = own(create(), ...socketPair());
    const closed: number[] = [];
    for (let i = 0; i < 100; i++) {
      const [a] = own(...socketPair());
      selector.register(a.fileno(), EVENT_WRITE);
      closed.push(a.detach());
      if (i === 50) selector.register(living, EVENT_READ);
    }
    for (const fd of closed) closeFd(fd);
    sleepsFor(selector, 50);
    peer.send(encode("x"));
    expect(selector.select(1000).map(([key]) => key.fileobj)).toEqual([living]);
    for (const fd of closed) selector.unregister(fd);
    expect(selector.getMap().size).toBe(1);
  });
}
