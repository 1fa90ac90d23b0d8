// A kqueue that is none: kevent(2) of macOS or of FreeBSD as their sources have it, on top of poll(2).
//
// What it takes and returns has the layout of the system that it plays. It has what their filters do to
// sockets and pipes, that closing a descriptor deletes its filters, and what FreeBSD does to a pipe whose
// reader is gone. It is a model: what it does was read, and not seen on those systems.
import { ERRNO } from "../../lib/sys/errno.ts";
import type { EventQueue } from "../../lib/sys/bsd/kqueue.ts";
import { Native, open } from "../../lib/sys/ffi.ts";
import {
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_DISABLE,
  EV_DISPATCH,
  EV_ENABLE,
  EV_EOF,
  EV_ERROR,
  EV_ONESHOT,
  EVFILT_READ,
  EVFILT_WRITE,
  KEVENT_FIELDS,
  KEVENT_SIZES,
  type KeventList,
} from "../../lib/sys/bsd/kevent.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } from "../../lib/sys/constants.ts";
import { pollList } from "../../lib/sys/poll.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";
import { LIBC } from "../../lib/sys/system.ts";
import { BaseSelector } from "../../lib/selectors/base.ts";
import { Kqueue } from "../../lib/selectors/kqueue.ts";

const POLLRDHUP = 0x2000;
const FIONREAD = 0x541b;
const S_IFMT = 0o170000, S_IFIFO = 0o010000;
const { fstat } = open(LIBC, { fstat: { args: ["i32", "pointer"], result: "i32" } });
const stat = new Native(256);
const available = new Native(8);

/** Which file a descriptor refers to, and whether that is a pipe; undefined when it is closed. */
function identify(fd: number): { file: string; isPipe: boolean } | undefined {
  if (fstat(fd, stat.pointer) === -1) return undefined;
  // struct stat of 64-bit Linux: st_dev and st_ino at 0 and 8; st_mode at 24 on x64, at 16 elsewhere.
  const mode = stat.view.getUint32(process.arch === "x64" ? 24 : 16, true);
  const file = `${stat.view.getBigUint64(0, true)}:${stat.view.getBigUint64(8, true)}`;
  return { file, isPipe: (mode & S_IFMT) === S_IFIFO };
}

/** A filter on a descriptor. */
interface Knote {
  readonly fd: number;
  readonly filter: number;
  readonly flags: number;
  readonly file: string;
  readonly isPipe: boolean;
  generation: number;
  enabled: boolean;
  /** EV_CLEAR: what was told already. */
  told: string;
}

/** The systems that the model can play. */
export type Played = "darwin" | "freebsd";

export class ModelKqueue implements EventQueue {
  readonly structSize: number;
  /** Its number is that of a file which knows nothing of the model. */
  readonly isPollable = false;
  /** The next change is interrupted by a signal, after it was applied. */
  interruptNext = false;
  /** An error with which the next filter of this kind is refused. */
  refuseNext: { filter: number; error: number } | undefined;
  readonly #played: Played;
  readonly #knotes = new Map<string, Knote>();
  #fd = c.dup(1); // a number of its own, as any descriptor has

  constructor(played: Played) {
    this.#played = played;
    this.structSize = KEVENT_SIZES[played];
  }

  get fd(): number {
    return this.#fd;
  }

  /** How many filters it watches. */
  get size(): number {
    this.#dropClosed();
    return this.#knotes.size;
  }

  apply(changes: KeventList, count: number, receipts: KeventList): number {
    for (let i = 0; i < count; i++) {
      // Those of the other descriptors are of no importance now.
      for (const filter of [EVFILT_READ, EVFILT_WRITE]) {
        this.#dropIfClosed(`${changes.fd(i)} ${filter}`);
      }
      const flags = changes.flags(i);
      const error = this.#register(changes, i, flags);
      receipts.put(i, changes.fd(i), changes.filter(i), flags | EV_ERROR, changes.generation(i));
      receipts.view.setBigInt64(i * this.structSize + KEVENT_FIELDS.data, BigInt(error), true);
    }
    const interrupted = this.interruptNext;
    this.interruptNext = false;
    return interrupted ? 0 : count;
  }

  /** kqueue_register of FreeBSD, kevent_register of xnu. */
  #register(changes: KeventList, i: number, flags: number): number {
    const [fd, filter, generation] = [changes.fd(i), changes.filter(i), changes.generation(i)];
    const name = `${fd} ${filter}`;
    const known = this.#knotes.get(name);
    const identity = identify(fd);
    if (!identity) return ERRNO.EBADF!;
    if (!known && !(flags & EV_ADD)) return ERRNO.ENOENT!;
    if (flags & EV_DELETE) {
      this.#knotes.delete(name);
    } else if (known) {
      known.generation = generation;
      known.told = "";
      if (flags & EV_ENABLE) known.enabled = true;
      else if (flags & EV_DISABLE) known.enabled = false;
    } else {
      const knote = { fd, filter, flags, generation, ...identity, enabled: true, told: "" };
      if (this.#forgets(knote) && poll(fd, 0) & POLLERR) return ERRNO.EPIPE!;
      const refused = this.refuseNext;
      if (refused?.filter === filter) {
        this.refuseNext = undefined;
        return refused.error;
      }
      this.#knotes.set(name, knote);
    }
    return 0;
  }

  /** FreeBSD's pipe_kqfilter refuses a pipe that nobody reads, and pipeclose drops its filter. */
  #forgets(knote: Knote): boolean {
    return this.#played === "freebsd" && knote.isPipe && knote.filter === EVFILT_WRITE;
  }

  wait(events: KeventList, timeoutMs: number): number {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      this.#dropClosed();
      const count = this.#scan(events);
      const left = deadline - performance.now();
      if (count > 0 || left <= 0) return count;
      if (this.#sleep(left) === -1) return -1;
    }
  }

  /** Until something may have changed. */
  #sleep(ms: number): number {
    const knotes = [...this.#knotes.values()].filter(({ enabled }) => enabled);
    const list = new Native(Math.max(knotes.length, 1) * 8);
    knotes.forEach((knote, i) => {
      list.int32[2 * i] = knote.fd;
      list.int32[2 * i + 1] = knote.filter === EVFILT_READ ? POLLIN | POLLRDHUP : POLLOUT;
    });
    // What was told already is ready all the time: looked at again and again instead.
    const told = knotes.some((knote) => knote.told !== "");
    return pollList(list.pointer, told ? 0 : knotes.length, told ? Math.min(ms, 2) : ms);
  }

  #scan(events: KeventList): number {
    let count = 0;
    for (const [name, knote] of this.#knotes) {
      if (!knote.enabled || count === events.capacity) continue;
      const state = stateOf(knote);
      const ready = state !== "" && !(knote.flags & EV_CLEAR && state === knote.told);
      if (knote.flags & EV_CLEAR) knote.told = state;
      if (!ready) continue;
      const eof = state.endsWith("eof");
      const gone = eof && this.#forgets(knote);
      if (knote.flags & EV_DISPATCH) knote.enabled = false;
      if (gone) this.#knotes.delete(name);
      const flags = (knote.flags & ~(EV_ADD | EV_ENABLE)) | (eof ? EV_EOF : 0) |
        (gone ? EV_ONESHOT : 0);
      events.put(count++, knote.fd, knote.filter, flags, knote.generation);
    }
    return count;
  }

  /** knote_fdclose: closing a descriptor deletes its filters. */
  #dropClosed(): void {
    for (const name of this.#knotes.keys()) this.#dropIfClosed(name);
  }

  #dropIfClosed(name: string): void {
    const knote = this.#knotes.get(name);
    if (knote && identify(knote.fd)?.file !== knote.file) this.#knotes.delete(name);
  }

  close(): void {
    closeFd(this.#fd);
    this.#fd = -1;
    this.#knotes.clear();
  }
}

const single = new Native(8);

function poll(fd: number, events: number): number {
  single.int32[0] = fd;
  single.int32[1] = events;
  pollList(single.pointer, 1, 0);
  return single.view.getInt16(6, true);
}

/** Empty when the filter has nothing to tell; ends with "eof" when it would set EV_EOF. */
function stateOf({ fd, filter }: Knote): string {
  const bits = poll(fd, filter === EVFILT_READ ? POLLIN | POLLRDHUP : POLLOUT);
  if (bits & POLLNVAL) return "";
  if (filter === EVFILT_WRITE) {
    // SS_CANTSENDMORE; a pipe's reader is gone.
    if (bits & (POLLERR | POLLHUP)) return "eof";
    return bits & POLLOUT ? "room" : "";
  }
  if (bits & (POLLERR | POLLHUP | POLLRDHUP)) return "eof"; // SS_CANTRCVMORE
  if (!(bits & POLLIN)) return "";
  c.ioctl(fd, FIONREAD, available.pointer);
  return `${available.int32[0]} bytes`;
}

/** KqueueSelector over a model. */
export class ModelKqueueSelector<T = unknown> extends BaseSelector<T> {
  readonly #queue: ModelKqueue;

  constructor(queue: ModelKqueue) {
    super("kqueue", new Kqueue(queue));
    this.#queue = queue;
  }

  /** That of the model. */
  fileno(): number {
    return this.#queue.fd;
  }
}
