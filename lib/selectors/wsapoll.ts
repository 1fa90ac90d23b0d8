/**
 * WSAPoll: the poll(2) of Windows, for sockets only. See
 * https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsapoll
 *
 * It is right about most sockets. Two kinds are set aside and looked at with select() instead, several
 * times within a wait, as long as there are any:
 * - before Windows 10 2004 a connect that fails is never reported, so there whatever may be connecting;
 * - a peer that has ended its side is a hang-up, which cannot be left out, so that somebody who only
 *   waits for room to write would be woken at once and for ever.
 */
import { ERRNO } from "../sys/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } from "../sys/constants.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import { system } from "../sys/system.ts";
import { sleepFor } from "../sys/windows/kernel32.ts";
import { isAborted, isUnconnected } from "../sys/windows/winsock.ts";
import { PollList } from "./poll_list.ts";
import { ReadyList } from "./ready_list.ts";
import type { Registration } from "./registration.ts";
import { EVENT_READ, EVENT_WRITE } from "./selector.ts";
import { SocketSets } from "./select_arrays.ts";

/** Whether WSAPoll of this Windows ("10.0.19041", as os.release() has it) tells of failed connects. */
export function tellsFailedConnect(release: string): boolean {
  const [major = 0, , build = 0] = release.split(".").map(Number);
  return major > 10 || (major === 10 && build >= 19041); // 19041 is version 2004
}

const RELIABLE: boolean = system === "windows" && tellsFailedConnect(version());

/** Deno answers only with --allow-sys; without it the careful way is taken, as in an old version. */
function version(): string {
  try {
    return process.getBuiltinModule("node:os").release();
  } catch {
    return "";
  }
}

/** What WSAPoll answers when no socket of the list is open: the documented error, and that of Wine. */
const NONE_VALID = new Set([-ERRNO.EINVAL!, -ERRNO.EBADF!]);

/** How long the list is waited for until those aside are looked at again. */
const SLICE_MS = 10;
/** The `slot` of a registration that is aside. */
const ASIDE = -2;
/** Why it is. */
type Reason = "connecting" | "peer ended";

/**
 * Watches sockets with WSAPoll. Windows only.
 *
 * @example
 * ```ts
 * import { availableSelectors, EVENT_READ, socketPair, WsaPollSelector } from "iomux";
 *
 * if (availableSelectors().some(({ name, available }) => name === "wsapoll" && available)) {
 *   using selector = new WsaPollSelector<string>();
 *   const [a, b] = socketPair();
 *   selector.register(b, EVENT_READ, "b");
 *   a.send(new TextEncoder().encode("hello"));
 *   selector.dispatch(1000, (key) => console.log(key.data, "is ready"));
 * }
 * ```
 */
export class WsaPollSelector<T = unknown> extends PollList<T> {
  /** "wsapoll" */
  readonly name = "wsapoll";
  readonly #aside = new Map<Registration<T>, Reason>();
  readonly #sets = new SocketSets();
  readonly #found = new ReadyList<Registration<T>>();

  /** @throws Error on other systems */
  constructor() {
    super();
    if (system !== "windows") throw new Error("WSAPoll is part of Windows");
  }

  /** Appends a WSAPOLLFD, or sets the socket aside. */
  protected override add(registration: Registration<T>): void {
    super.add(registration);
    if (!RELIABLE && isUnconnected(registration.fd)) this.#setAside(registration, "connecting");
  }

  /** Overwrites the events of its WSAPOLLFD. What is aside comes back, as long as that goes well. */
  protected override change(registration: Registration<T>, events: number): void {
    if (this.#aside.get(registration) === "connecting") {
      if (!isOpen(registration.fd)) throw cannotWatch(ERRNO.EBADF!, registration.fd);
      this.#sets.ask(registration.fd, events);
    } else {
      if (registration.slot === ASIDE) this.remove(registration);
      super.change(registration, events);
    }
  }

  /** Takes it out of the list, or from aside. */
  protected override remove(registration: Registration<T>): void {
    if (registration.slot !== ASIDE) return super.remove(registration);
    registration.slot = -1;
    this.#aside.delete(registration);
    this.#sets.ask(registration.fd, 0);
  }

  #setAside(registration: Registration<T>, reason: Reason): void {
    super.remove(registration);
    registration.slot = ASIDE;
    this.#aside.set(registration, reason);
    this.#sets.ask(registration.fd, registration.key.events);
  }

  /** One WSAPoll, with a look at those aside; a part of the time, when there are any. */
  protected override wait(timeoutMs: number): number {
    const slice = this.#aside.size > 0 ? Math.min(timeoutMs, SLICE_MS) : timeoutMs;
    const result = this.#pollOrSleep(slice);
    if (result < 0) return result;
    if (this.#aside.size > 0) this.#lookAside();
    for (let i = 0; i < result; i++) this.#judge(i);
    return this.ready.length;
  }

  /** Without any socket WSAPoll fails with WSAEINVAL at once, so the thread sleeps instead. */
  #pollOrSleep(timeoutMs: number): number {
    if (this.length > 0) {
      const result = this.poll(timeoutMs);
      return NONE_VALID.has(result) && this.#dropClosed() ? 0 : result;
    }
    this.ready.clear();
    sleepFor(timeoutMs);
    return 0;
  }

  /** Closed while registered, and nothing else left: an error then, and not POLLNVAL. */
  #dropClosed(): boolean {
    this.ready.clear();
    const closed = this.registrations.filter((r) => r && r.slot >= 0 && !isOpen(r.fd));
    for (const registration of closed) super.remove(registration!);
    return closed.length > 0;
  }

  /** A hang-up of which a writer cannot be told: is it an error, or must it wait in another way? */
  #judge(index: number): void {
    const bits = this.ready.bits(index);
    if (!(bits & POLLHUP) || bits & (POLLIN | POLLOUT | POLLERR | POLLNVAL)) return;
    const registration = this.ready.item(index);
    if (registration.key.events & EVENT_READ) return;
    if (isAborted(registration.fd)) this.ready.mark(index, POLLERR);
    else this.#setAside(registration, "peer ended");
  }

  #lookAside(): void {
    for (const [registration, reason] of this.#aside) {
      const { fd } = registration;
      if (!isOpen(fd)) this.remove(registration); // closed while registered, as POLLNVAL says of others
      else if (reason === "peer ended" && isAborted(fd)) this.#tell(registration, POLLERR);
      else if (reason === "connecting" && !isUnconnected(fd)) this.#comeBack(registration);
    }
    if (this.#aside.size === 0) return;
    const found = this.#found;
    found.clear();
    const result = this.#sets.select(0);
    if (result > 0) this.#sets.collect(result, this.registrations, found);
    for (let i = 0; i < found.length; i++) {
      const registration = found.item(i);
      const told = found.bits(i);
      const reading = told & EVENT_READ ? POLLIN : 0;
      this.#tell(registration, reading | (told & EVENT_WRITE ? POLLOUT : 0));
    }
  }

  /** Connected: from now on the list is right, and the next wait tells it. */
  #comeBack(registration: Registration<T>): void {
    this.remove(registration);
    super.change(registration, registration.key.events);
  }

  #tell(registration: Registration<T>, bits: number): void {
    if (this.ready.has(registration)) return;
    this.ready.add(registration, bits);
  }
}
