// What only EpollSelector has: roll-back when the kernel refuses, and a descriptor of its own.
import { describe, expect, it } from "bun:test";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import {
  EpollSelector,
  EVENT_READ,
  EVENT_WRITE,
  NotRegisteredError,
  PollSelector,
} from "../../lib/selectors/mod.ts";
import { ReadyList, Registration } from "../../lib/selectors/backend.ts";
import { Epoll } from "../../lib/selectors/epoll.ts";
import { EPOLLRDHUP } from "../../lib/sys/linux/epoll.ts";
import { c } from "../../lib/sys/posix.ts";
import { Descriptor, duplicate, encode, ownership, tcpPair, thrownBy } from "../support/sockets.ts";
import { settles } from "../support/waiting.ts";

const F_GETFD = 1, FD_CLOEXEC = 1;

describe("EpollSelector", () => {
  const own = ownership();

  it("register() rolls back when epoll_ctl fails", () => {
    const [selector] = own(new EpollSelector());
    // A set that contains itself: EINVAL, an error that no check before the call could foresee.
    const error = thrownBy(() => selector.register(selector, EVENT_READ));
    expect([error.code, error.syscall]).toEqual(["EINVAL", "epoll_ctl"]);
    expect(selector.getMap().size).toBe(0);
    expect(() => selector.getKey(selector)).toThrow(NotRegisteredError);
    expect(selector.select(0)).toEqual([]);
  });

  it("modify() unregisters when epoll_ctl fails with ENOENT: the number lives again", () => {
    const [selector, a, , other] = own(new EpollSelector(), ...socketPair(), ...socketPair());
    const fd = a.detach();
    selector.register(fd, EVENT_READ);
    own(new Descriptor(c.dup2(other.fileno(), fd)));
    expect(thrownBy(() => selector.modify(fd, EVENT_WRITE)).code).toBe("ENOENT");
    expect(selector.getMap().size).toBe(0);
  });

  it("edge: the raw bits tell of an end that came together with data, EPOLLRDHUP", () => {
    const [selector, a, b] = own(new EpollSelector(), ...tcpPair());
    const bitsOf = (modes: { edge?: boolean; exclusive?: boolean }) => {
      let bits = 0;
      selector.register(a, EVENT_READ, undefined, modes);
      expect(selector.dispatch(1000, (_, events, raw) => {
        expect(events).toBe(EVENT_READ);
        bits = raw;
      })).toBe(1);
      selector.unregister(a);
      return bits;
    };
    b.send(encode("the last words"));
    expect(bitsOf({ edge: true }) & EPOLLRDHUP).toBe(0);
    b.shutdown("write");
    settles(() => bitsOf({ edge: true }) & EPOLLRDHUP, EPOLLRDHUP);
    expect(bitsOf({ edge: true }) & EPOLLRDHUP).toBe(EPOLLRDHUP);
    // The kernel refuses it together with EPOLLEXCLUSIVE (epoll_ctl(2)).
    expect(bitsOf({ edge: true, exclusive: true }) & EPOLLRDHUP).toBe(0);
    expect(bitsOf({}) & EPOLLRDHUP).toBe(0);
  });

  it("fileno() is readable for another selector when something is ready", () => {
    const [inner, outer] = own(new EpollSelector(), new EpollSelector());
    const [a, b] = own(...socketPair());
    inner.register(a, EVENT_READ);
    const key = outer.register(inner, EVENT_READ);
    expect(outer.select(0)).toEqual([]);
    b.send(encode("x"));
    expect(outer.select(1000)).toEqual([[key, EVENT_READ]]);
    expect(inner.select(0).length).toBe(1);
  });

  it("a stale exclusive registration is removed, too: its number is the lowest that is free", () => {
    const [selector, outer, server] = own(
      new EpollSelector(),
      new PollSelector(),
      Socket.listen({ host: "127.0.0.1" }),
    );
    own(Socket.connect({ port: server.port, timeoutMs: 1000 }), duplicate(server.fileno()));
    selector.register(server, EVENT_READ, undefined, { exclusive: true });
    outer.register(selector, EVENT_READ);
    expect(outer.select(1000).length).toBe(1);
    server.close();
    expect(selector.select(5)).toEqual([]);
    expect(outer.select(0)).toEqual([]);
  });

  it("fileno() is the same after stale registrations were removed, and closes on exec", () => {
    const [selector, outer] = own(new EpollSelector(), new PollSelector());
    const [a, , living, peer] = own(...socketPair(), ...socketPair());
    const fd = selector.fileno();
    const key = outer.register(selector, EVENT_READ);
    selector.register(living, EVENT_READ);
    own(duplicate(a.fileno()));
    selector.register(a, EVENT_WRITE);
    a.close();
    selector.unregister(a);
    expect(selector.select(1)).toEqual([]);
    expect(selector.fileno()).toBe(fd);
    expect(c.fcntl(selector.fileno(), F_GETFD, 0) & FD_CLOEXEC).toBe(FD_CLOEXEC);
    expect(outer.select(0)).toEqual([]);
    peer.send(encode("x"));
    expect(outer.select(1000)).toEqual([[key, EVENT_READ]]);
    expect(selector.select(1000).length).toBe(1);
  });

  it("removing stale registrations adds nothing: a number that is in use again stays unwatched", () => {
    const [selector, a, , b] = own(new EpollSelector(), ...socketPair(), ...socketPair());
    const [readable, peer] = own(...socketPair());
    peer.send(encode("x"));
    selector.register(a.fileno(), EVENT_READ); // closed and not unregistered
    own(new Descriptor(c.dup2(readable.fileno(), a.detach())));
    own(duplicate(b.fileno()));
    selector.register(b, EVENT_WRITE); // stale, which makes the set be built anew
    b.close();
    selector.unregister(b);
    expect(selector.select(20)).toEqual([]);
  });

  it("knows events by their registration where its number wraps around", () => {
    const backend = new Epoll();
    own({ [Symbol.dispose]: () => backend.close() });
    const watch = (fd: number, generation: number) => {
      const registration = new Registration(fd, generation, 0, EVENT_READ);
      backend.add(registration);
      return registration;
    };
    const reported = () => {
      const ready = new ReadyList();
      backend.wait(1000, ready);
      return Array.from({ length: ready.length }, (_, i) => ready.registration(i));
    };
    const byGeneration = (a: Registration, b: Registration) => a.generation - b.generation;
    const pairs = Array.from({ length: 4 }, () => own(...socketPair()));
    const generations = [-0x80000000, -1, 0, 0x7fffffff];
    const registrations = generations.map((number, i) => watch(pairs[i]![0]!.fileno(), number));
    for (const [, b] of pairs) b!.send(encode("x"));
    expect(reported().toSorted(byGeneration)).toEqual(registrations);
    // A stale registration from before the wrap is not taken for the one that has its number after it.
    const last = registrations.pop()!;
    own(duplicate(last.fd));
    const [other] = own(...socketPair());
    c.dup2(other.fileno(), last.fd);
    backend.remove(last);
    watch(last.fd, -1); // differs from it by the highest bit alone
    expect(reported().toSorted(byGeneration)).toEqual(registrations);
  });

  it("fileno() is -1 after close()", () => {
    const [selector] = own(new EpollSelector());
    selector.close();
    expect(selector.fileno()).toBe(-1);
  });
});
