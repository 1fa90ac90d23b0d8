// Descriptors for tests: pairs, pipes, and closing them whatever the test does.
import { afterEach, expect } from "bun:test";
import { Socket } from "../../lib/net/mod.ts";
import { check, ERRNO, errno } from "../../lib/sys/errno.ts";
import { Native } from "../../lib/sys/ffi.ts";
import { c, closeFd, isOpen, setNonBlocking } from "../../lib/sys/posix.ts";
import { handleCount, isNotInherited, onWindows } from "./systems.ts";

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A bare descriptor that closes itself; its `fileno()` is -1 afterwards, as that of a Socket. */
export class Descriptor implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }
  fileno(): number {
    return this.#fd;
  }
  close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) closeFd(fd);
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Disposes of what a test made, in reverse order, after each test of the enclosing `describe`.
 * Returns what it is given, so that `const [a, b] = own(...socketPair())` is all a test writes.
 */
export function ownership(): <T extends Disposable[]>(...items: T) => T {
  const owned: Disposable[] = [];
  afterEach(() => {
    for (const item of owned.splice(0).reverse()) item[Symbol.dispose]();
  });
  return (...items) => {
    owned.push(...items);
    return items;
  };
}

/** A pipe: [reading end, writing end], both non-blocking. */
export function pipe(): [Descriptor, Descriptor] {
  const ends = new Native(8);
  check(c.pipe(ends.pointer), "pipe");
  const [reader, writer] = [ends.int32[0]!, ends.int32[1]!];
  setNonBlocking(reader, true);
  setNonBlocking(writer, true);
  return [new Descriptor(reader), new Descriptor(writer)];
}

/** A second descriptor of the same open file. */
export const duplicate = (fd: number): Descriptor => new Descriptor(check(c.dup(fd), "dup"));

/**
 * A duplicate of `from` whose number is exactly `fd`; what had the number before is closed. dup2(2), and
 * on Windows, which has nothing of the kind, as many duplicates as it takes until the number comes.
 */
export function duplicateAt(from: number, fd: number): Descriptor {
  if (!onWindows) return new Descriptor(check(c.dup2(from, fd), "dup2"));
  if (isOpen(fd)) closeFd(fd);
  const others: number[] = [];
  try {
    for (let i = 0; i < 10_000; i++) {
      const copy = check(c.dup(from), "dup");
      if (copy === fd) return new Descriptor(copy);
      others.push(copy);
    }
  } finally {
    for (const other of others) closeFd(other);
  }
  throw new Error(`number ${fd} does not come again`);
}

const F_GETFD = 1, FD_CLOEXEC = 1;

/** Whether another program that this process starts does not get the descriptor. */
export const closesOnExec = (fd: number): boolean =>
  onWindows ? isNotInherited(fd) : (c.fcntl(fd, F_GETFD, 0) & FD_CLOEXEC) === FD_CLOEXEC;

/** Something that grows by one with each descriptor that is left open. */
export function openDescriptors(): number {
  if (onWindows) return handleCount();
  const lowestFree = check(c.dup(0), "dup");
  closeFd(lowestFree);
  return lowestFree;
}

const F_DUPFD = 0;

/** A duplicate whose number is `lowest` or the next free one above. */
export const duplicateAbove = (fd: number, lowest: number): Descriptor =>
  new Descriptor(check(c.fcntl(fd, F_DUPFD, lowest), "fcntl"));

/** The port of a TCP socket. */
export const portOf = (socket: Socket): number => (socket.localAddress as { port: number }).port;

/** Two connected TCP sockets on the loopback: [client, server side]. */
export function tcpPair(host = "127.0.0.1"): [Socket, Socket] {
  using listener = Socket.listen({ host });
  const client = Socket.connect({ host, port: portOf(listener), timeoutMs: 5000 });
  const server = acceptSoon(listener);
  return [client, server];
}

/** The next connection of a listener; the kernel may need a moment after connect has returned. */
export function acceptSoon(listener: Socket): Socket {
  for (const deadline = performance.now() + 5000; performance.now() < deadline;) {
    const accepted = listener.accept();
    if (accepted) return accepted;
  }
  throw new Error("no connection within 5 s");
}

/** Sends until the kernel takes no more, also not after a moment; returns how many bytes it took. */
export function fill(socket: { fileno(): number }): number {
  const chunk = new Uint8Array(new ArrayBuffer(1 << 16));
  let taken = 0;
  for (
    let refused: number | undefined;
    refused === undefined || performance.now() - refused < 20;
  ) {
    const result = c.writeBytes(socket.fileno(), chunk, chunk.length);
    if (result > 0) {
      taken += result;
      refused = undefined; // a slow machine may pause here, so only refusals count
    } else if (errno() !== ERRNO.EAGAIN) {
      check(result, "write");
    } else refused ??= performance.now();
  }
  return taken;
}

/** Receives from a non-blocking socket until `length` bytes, the end of the stream, or 5 s. */
export function receive(socket: Socket, length: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  let at = 0;
  for (const deadline = performance.now() + 5000; at < length && performance.now() < deadline;) {
    const received = socket.recv(bytes.subarray(at));
    if (received === 0) break;
    if (received > 0) at += received;
  }
  return bytes.subarray(0, at);
}

/** What the function throws; fails when it throws nothing. */
export function thrownBy(action: () => unknown): Error & { code?: string; syscall?: string } {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  expect("nothing was thrown").toBe("an error");
  throw new Error("unreachable");
}
