/**
 * How much of a descriptor's data was used so far, by the system's own counts: tcp(7) TCP_INFO,
 * FIONREAD (SIOCINQ) and SIOCOUTQ. For finding out whether a program reads, writes or accepts at all.
 */
import { FIONREAD, SIOCOUTQ } from "./constants.ts";
import { Edges } from "./linux/edges.ts";
import { system } from "./system.ts";
import { ask, isListening } from "./socket/option.ts";
import { tcpCounts } from "./socket/tcp_info.ts";

const EVENT_READ = 1;
const EVENT_WRITE = 2;

/** Counts of descriptors that are suspected of not being used. */
export class Usage {
  readonly #edges = new Edges();

  /**
   * Counts that differ once the program has used what `events` reports, as text to compare; undefined
   * when the system has no such counts for this kind of descriptor.
   */
  of(fd: number, events: number): string | undefined {
    const tcp = tcpCounts(fd);
    if (tcp?.acceptQueue !== undefined) return `accept queue ${tcp.acceptQueue}`;
    const waiting = ask(fd, FIONREAD);
    // Elsewhere a listener has nothing to read either, however many are accepted from it.
    if (system !== "linux" && isListening(fd)) return undefined;
    // At the end of the stream there is nothing to wait for, and reading does not change that.
    if (events === EVENT_READ && waiting === 0) return "end";
    if (system !== "linux" || (tcp === null && events & EVENT_WRITE)) return undefined;
    const unsent = ask(fd, SIOCOUTQ);
    if (tcp) {
      // All that was ever received or written, less what is still there: what was read or sent.
      const read = events & EVENT_READ ? tcp.received - (waiting ?? 0) : 0;
      const written = events & EVENT_WRITE ? tcp.acknowledged + (unsent ?? 0) : 0;
      return `${read | 0} ${written | 0}`;
    }
    // A listening Unix socket may have a long queue, from which one after the other is accepted.
    if (waiting === undefined && isListening(fd)) return undefined;
    const edges = this.#edges.of(fd);
    return edges === undefined ? undefined : `${waiting} ${unsent} ${edges}`;
  }

  forget(fd: number): void {
    this.#edges.forget(fd);
  }

  close(): void {
    this.#edges.close();
  }
}
