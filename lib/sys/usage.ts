/**
 * How much of a descriptor's data was used up so far, by the system's own counts: tcp(7) TCP_INFO,
 * FIONREAD (SIOCINQ) and SIOCOUTQ. For finding out whether somebody reads, writes or accepts at all.
 */
import { IPPROTO_TCP, SO_ACCEPTCONN, SOL_SOCKET } from "./constants.ts";
import { Native } from "./ffi.ts";
import {
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_EVENT,
  epoll_wait,
  epollCreate,
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
} from "./linux/epoll.ts";
import { c, closeFd } from "./posix.ts";
import { on, system } from "./system.ts";

const EVENT_READ = 1;
const EVENT_WRITE = 2;

const TCP_INFO = 11;
const TCP_LISTEN = 10;
// struct tcp_info of linux/tcp.h, as positions of 32-bit words (of the 64-bit counts the lower half).
const ACCEPT_QUEUE = 24 / 4; // tcpi_unacked of a listener
const BYTES_ACKED = 120 / 4;
const BYTES_RECEIVED = 128 / 4;
const TCP_INFO_SIZE = 136;

const FIONREAD: number = on(0x541b, 0x4004667f, 0x4004667f, 0x4004667f);
const SIOCOUTQ = 0x5411; // Linux

const info = new Native(TCP_INFO_SIZE);
const size = new Native(8);
const count = new Native(8);

const ask = (fd: number, request: number): number | undefined =>
  c.ioctl(fd, request, count.pointer) === -1 ? undefined : count.int32[0]!;

/** The counts of a TCP socket; undefined for another kind, null where the system (qemu) hides them. */
function askTcp(fd: number): Int32Array | null | undefined {
  if (system !== "linux") return undefined;
  size.int32[0] = TCP_INFO_SIZE;
  const result = c.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info.pointer, size.pointer);
  if (result === -1) return undefined;
  return size.int32[0] === TCP_INFO_SIZE ? info.int32 : null;
}

function isListening(fd: number): boolean {
  size.int32[0] = 4;
  const result = c.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, count.pointer, size.pointer);
  return result === 0 && count.int32[0] !== 0;
}

/** What becomes of descriptors that are suspected of not being used. */
export class Usage {
  readonly #news = new News();

  /**
   * Counts that differ once somebody has used what `events` tells, as text to compare; undefined when
   * the system has no such counts for this kind of descriptor.
   */
  of(fd: number, events: number): string | undefined {
    const tcp = askTcp(fd);
    if (tcp && info.bytes[0] === TCP_LISTEN) return `accept queue ${tcp[ACCEPT_QUEUE]}`;
    const waiting = ask(fd, FIONREAD);
    // Elsewhere a listener has nothing to read either, however busily somebody accepts from it.
    if (system !== "linux" && isListening(fd)) return undefined;
    // At the end of the stream there is nothing to wait for, and reading does not change that.
    if (events === EVENT_READ && waiting === 0) return "end";
    if (system !== "linux" || (tcp === null && events & EVENT_WRITE)) return undefined;
    const unsent = ask(fd, SIOCOUTQ);
    if (tcp) {
      // All that was ever received or written, less what is still there: what somebody has read or sent.
      const read = events & EVENT_READ ? tcp[BYTES_RECEIVED]! - (waiting ?? 0) : 0;
      const written = events & EVENT_WRITE ? tcp[BYTES_ACKED]! + (unsent ?? 0) : 0;
      return `${read | 0} ${written | 0}`;
    }
    // A listening Unix socket may have a long queue, from which somebody takes one after another.
    if (waiting === undefined && isListening(fd)) return undefined;
    return `${waiting} ${unsent} ${this.#news.of(fd)}`;
  }

  /** It is suspected no longer. */
  forget(fd: number): void {
    this.#news.forget(fd);
  }

  /** Gives back what it holds. */
  close(): void {
    this.#news.close();
  }
}

/**
 * Counts the news of descriptors: data that arrives, room that is made. Other kinds than TCP have no
 * such counts, but edges of epoll(7) tell them: four bytes that wait before and after are the same four
 * bytes only if none have arrived in between.
 */
class News {
  #epfd = -1;
  readonly #counts = new Map<number, number>();
  readonly #event = new Native(16);
  readonly #events = new Native(64 * EPOLL_EVENT.size);

  of(fd: number): number {
    if (this.#epfd === -1) this.#epfd = epollCreate();
    if (!this.#counts.has(fd)) {
      this.#counts.set(fd, 0);
      this.#event.int32[0] = EPOLLIN | EPOLLOUT | EPOLLET;
      this.#event.int32[EPOLL_EVENT.data / 4] = fd;
      epoll_ctl(this.#epfd, EPOLL_CTL_ADD, fd, this.#event.pointer);
    }
    for (let count = 64; count === 64;) {
      count = epoll_wait(this.#epfd, this.#events.pointer, 64, 0);
      for (let i = 0; i < count; i++) {
        const about = this.#events.int32[(i * EPOLL_EVENT.size + EPOLL_EVENT.data) / 4]!;
        this.#counts.set(about, (this.#counts.get(about) ?? 0) + 1);
      }
    }
    return this.#counts.get(fd)!;
  }

  forget(fd: number): void {
    if (!this.#counts.delete(fd)) return;
    if (this.#counts.size === 0) return this.close(); // with the ghosts that it may have by now
    epoll_ctl(this.#epfd, EPOLL_CTL_DEL, fd, this.#event.pointer);
  }

  close(): void {
    if (this.#epfd !== -1) closeFd(this.#epfd);
    this.#epfd = -1;
    this.#counts.clear();
  }
}
