import { describe, expect, it } from "bun:test";
import { socketPair } from "../../lib/net/mod.ts";
import { ERRNO, errno } from "../../lib/sys/errno.ts";
import { Native } from "../../lib/sys/ffi.ts";
import {
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_EVENT,
  epoll_wait,
  epollCreate,
  EPOLLIN,
  EPOLLOUT,
  epollWait,
  eventfd,
} from "../../lib/sys/linux/epoll.ts";
import { c } from "../../lib/sys/posix.ts";
import { countReceived, peek, receivedSince } from "../../lib/sys/socket/sockets.ts";
import { atMost } from "../support/runtime.ts";
import { EMULATED, itUnless } from "../support/systems.ts";
import { Descriptor, duplicate, encode, ownership, pipe } from "../support/sockets.ts";
import { timed } from "../support/waiting.ts";

const F_GETFD = 1, FD_CLOEXEC = 1;
const closesOnExec = (fd: number) => (c.fcntl(fd, F_GETFD, 0) & FD_CLOEXEC) !== 0;

describe("epoll", () => {
  const own = ownership();

  it("EPOLL_EVENT: descriptor and generation of several events come back on this CPU", () => {
    const [epoll] = own(new Descriptor(epollCreate()));
    const sent = new Map<number, number>();
    const event = new Native(16);
    for (let i = 0; i < 7; i++) {
      const [reader, writer] = own(...pipe());
      const generation = (0x7fffffff * (i + 1) + i * 12345) | 0; // negative ones too
      sent.set(writer.fileno(), generation);
      event.view.setUint32(0, EPOLLOUT, true);
      event.view.setInt32(EPOLL_EVENT.data, writer.fileno(), true);
      event.view.setInt32(EPOLL_EVENT.data + 4, generation, true);
      expect(epoll_ctl(epoll.fileno(), EPOLL_CTL_ADD, writer.fileno(), event.pointer)).toBe(0);
      expect(reader.fileno()).toBeGreaterThan(-1);
    }
    const events = new Native(16 * EPOLL_EVENT.size);
    expect(epoll_wait(epoll.fileno(), events.pointer, 16, 0)).toBe(7);
    const received = new Map<number, number>();
    for (let i = 0; i < 7; i++) {
      const at = i * EPOLL_EVENT.size;
      expect(events.view.getUint32(at, true)).toBe(EPOLLOUT);
      received.set(
        events.view.getInt32(at + EPOLL_EVENT.data, true),
        events.view.getInt32(at + EPOLL_EVENT.data + 4, true),
      );
    }
    expect([...received].sort()).toEqual([...sent].sort());
    // Nothing was written behind the seven: the size of one event is right, too.
    expect(events.bytes.subarray(7 * EPOLL_EVENT.size).every((byte) => byte === 0)).toBe(true);
  });

  it("EPOLL_EVENT is packed on x64 only", () => {
    expect(EPOLL_EVENT.size).toBe(process.arch === "x64" ? 12 : 16);
  });

  it("epollCreate() and eventfd() make descriptors that close on exec", () => {
    for (const fd of [epollCreate(), eventfd()]) {
      const [descriptor] = own(new Descriptor(fd));
      expect(closesOnExec(descriptor.fileno())).toBe(true);
    }
  });

  it("eventfd() does not block when there is nothing to read", () => {
    const [descriptor] = own(new Descriptor(eventfd()));
    expect(c.read(descriptor.fileno(), new Native(8).pointer, 8)).toBe(-1);
    expect(errno()).toBe(ERRNO.EAGAIN!);
  });

  it("epollWait() waits for less than a millisecond, never too short", () => {
    const [epoll] = own(new Descriptor(epollCreate()));
    const events = new Native(EPOLL_EVENT.size);
    const wait = () => {
      const ready = epollWait(epoll.fileno(), events.pointer, 1, 0.25);
      return ready === -1 ? errno() : ready;
    };
    const times = Array.from({ length: 100 }, () => timed(wait));
    // The runtime interrupts its threads by signals now and then, and the caller repeats such a wait.
    const whole = times.filter(({ result }) => result !== ERRNO.EINTR);
    expect(whole.map(({ result }) => result)).toEqual(whole.map(() => 0));
    const shortest = Math.min(...whole.map(({ ms }) => ms));
    expect(shortest).toBeGreaterThanOrEqual(0.25);
    // Rounded up to a millisecond all of them would take one; on a busy machine some do.
    expect(shortest).toBeLessThan(atMost(0.95));
  });

  it("epollWait() tells what is ready", () => {
    const [epoll, reader, writer] = own(new Descriptor(epollCreate()), ...pipe());
    const event = new Native(16);
    event.view.setUint32(0, EPOLLIN, true);
    epoll_ctl(epoll.fileno(), EPOLL_CTL_ADD, reader.fileno(), event.pointer);
    c.writeBytes(writer.fileno(), Uint8Array.of(1), 1);
    expect(epollWait(epoll.fileno(), event.pointer, 1, 500.5)).toBe(1);
    expect(event.view.getUint32(0, true)).toBe(EPOLLIN);
  });
});

describe("countReceived", () => {
  const own = ownership();

  const what = "counts what is received from a Unix socket, and what comes meanwhile not";
  itUnless(EMULATED, what, () => { // which has no SO_PEEK_OFF
    const [a, b] = own(...socketPair());
    b.setBlocking(true);
    a.send(encode("abcdef"));
    expect(receivedSince(b.fileno())).toBe(undefined);
    expect(countReceived(b.fileno())).toBe(true);
    a.send(encode("more"));
    const other = own(duplicate(b.fileno()))[0];
    expect(c.read(other.fileno(), new Native(8).pointer, 2)).toBe(2);
    expect(b.recv(new Uint8Array(3))).toBe(3);
    expect(receivedSince(b.fileno())).toBe(5);
    expect([receivedSince(b.fileno()), peek(b.fileno())]).toEqual([undefined, "unread"]);
  });
});
