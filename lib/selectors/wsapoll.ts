/**
 * WSAPoll: the poll(2) of Windows, for sockets only. See
 * https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsapoll
 *
 * It is right about most sockets. Two kinds are set aside and looked at with select() instead, several
 * times within a wait, as long as there are any:
 * - before Windows 10 2004 a connect that fails is never reported, so there what may be connecting;
 * - a peer that has ended its side is a hang-up, which cannot be left out, so that a wait for room to
 *   write alone would end at once, again and again.
 */
import { ERRNO } from "../sys/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } from "../sys/constants.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import { system } from "../sys/system.ts";
import { sleepFor } from "../sys/windows/kernel32.ts";
import { isAborted, isUnconnected } from "../sys/windows/winsock.ts";
import { ReadyList, type Registration } from "./backend.ts";
import { BaseSelector } from "./base.ts";
import { eventsOf, pollBits } from "./poll/bits.ts";
import { PollList } from "./poll/list.ts";
import { SelectArrays } from "./select/arrays.ts";
import { EVENT_READ } from "./selector.ts";

/** Whether WSAPoll of this Windows ("10.0.19041", as os.release() has it) reports failed connects. */
export function reportsFailedConnect(release: string): boolean {
  const [major = 0, , build = 0] = release.split(".").map(Number);
  return major > 10 || (major === 10 && build >= 19041); // 19041 is version 2004
}

const RELIABLE: boolean = system === "windows" && reportsFailedConnect(version());

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
/** Why a socket is aside. */
type Reason = "connecting" | "peer ended";

/** The list, and the sockets that are set aside. */
class WsaPoll extends PollList {
  override readonly modes: number = 0;
  readonly #aside = new Map<Registration, Reason>();
  /** The same by socket. */
  readonly #asideBySocket: (Registration | undefined)[] = [];
  readonly #sets = new SelectArrays();
  readonly #found = new ReadyList();

  /** Appends a WSAPOLLFD, or sets the socket aside. */
  override add(registration: Registration): void {
    super.add(registration);
    if (!RELIABLE && isUnconnected(registration.fd)) this.#setAside(registration, "connecting");
  }

  /** Overwrites its WSAPOLLFD. What is aside comes back, as long as that goes well. */
  override change(registration: Registration): void {
    if (this.#aside.get(registration) === "connecting") {
      if (!isOpen(registration.fd)) throw cannotWatch(ERRNO.EBADF!, registration.fd);
      this.#sets.ask(registration.fd, registration.events);
    } else {
      this.#takeFromAside(registration);
      super.change(registration);
    }
  }

  /** Takes it out of the list, or from aside. */
  override remove(registration: Registration): void {
    if (!this.#takeFromAside(registration)) super.remove(registration);
  }

  #setAside(registration: Registration, reason: Reason): void {
    super.remove(registration);
    this.#aside.set(registration, reason);
    this.#asideBySocket[registration.fd] = registration;
    this.#sets.ask(registration.fd, registration.events);
  }

  #takeFromAside(registration: Registration): boolean {
    if (!this.#aside.delete(registration)) return false;
    this.#asideBySocket[registration.fd] = undefined;
    this.#sets.ask(registration.fd, 0);
    return true;
  }

  /** One WSAPoll, with a look at those aside; a part of the time, when there are any. */
  override wait(timeoutMs: number, ready: ReadyList): number {
    const slice = this.#aside.size > 0 ? Math.min(timeoutMs, SLICE_MS) : timeoutMs;
    const result = this.#pollOrSleep(slice, ready);
    if (result < 0) return result;
    const { length } = ready;
    if (this.#aside.size > 0) this.#lookAside(ready);
    for (let i = 0; i < length; i++) this.#judge(i, ready);
    return ready.length;
  }

  /** Without any socket WSAPoll fails with WSAEINVAL at once, so the thread sleeps instead. */
  #pollOrSleep(timeoutMs: number, ready: ReadyList): number {
    if (this.length > 0) {
      const result = super.wait(timeoutMs, ready);
      // Nothing but closed sockets is left: an error then, and not POLLNVAL.
      return NONE_VALID.has(result) && this.dropClosed() ? 0 : result;
    }
    sleepFor(timeoutMs);
    return 0;
  }

  /** A hang-up that can't be reported to a writer: is it an error, or must it wait in another way? */
  #judge(index: number, ready: ReadyList): void {
    const bits = ready.raw(index);
    if (!(bits & POLLHUP) || bits & (POLLIN | POLLOUT | POLLERR | POLLNVAL)) return;
    const registration = ready.registration(index);
    if (registration.events & EVENT_READ) return;
    if (isAborted(registration.fd)) ready.mark(index, eventsOf(POLLERR), POLLERR);
    else this.#setAside(registration, "peer ended");
  }

  #lookAside(ready: ReadyList): void {
    for (const [registration, reason] of this.#aside) {
      const { fd } = registration;
      if (!isOpen(fd)) this.remove(registration); // closed while registered, as POLLNVAL says of others
      else if (reason === "peer ended" && isAborted(fd)) report(ready, registration, POLLERR);
      else if (reason === "connecting" && !isUnconnected(fd)) this.#comeBack(registration);
    }
    if (this.#aside.size === 0) return;
    const found = this.#found;
    const result = this.#sets.select(0);
    if (result > 0) this.#sets.collect(result, this.#asideBySocket, found);
    for (let i = 0; i < found.length; i++) {
      report(ready, found.registration(i), pollBits(found.events(i)));
    }
    found.clear();
  }

  /** Connected: from now on the list is right, and the next wait reports it. */
  #comeBack(registration: Registration): void {
    this.#takeFromAside(registration);
    super.change(registration);
  }
}

function report(ready: ReadyList, registration: Registration, bits: number): void {
  if (ready.indexOf(registration) < 0) ready.add(registration, eventsOf(bits), bits);
}

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
export class WsaPollSelector<T = unknown> extends BaseSelector<T> {
  /** @throws Error on other systems */
  constructor() {
    if (system !== "windows") throw new Error("WSAPoll is part of Windows");
    super("wsapoll", new WsaPoll());
  }
}
