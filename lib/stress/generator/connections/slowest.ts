/** The connections that waited longest for a reply, and what the kernel knows of them. */
import { now as clock } from "../../../sys/clock.ts";
import type { TransportInfo } from "../../../engine/mod.ts";
import type { SlowConnection } from "../../../result/result.ts";

export const SLOWEST = 5;
/** The kernel is asked at most once in this time, so that a target that gets slower does not cost more. */
const ASK_EVERY_MS = 1;

/** What is needed of a connection: its kernel's view, while it is open. */
export interface Observable {
  readonly closed: boolean;
  transportInfo(): TransportInfo | null;
}

interface Entry {
  connection: number;
  peer: Observable | null;
  ms: number;
  info: TransportInfo | null;
  /** When `info` was asked for; it is out of date when the wait began later. */
  askedAt: number;
}

/**
 * Keeps the slowest few at the price of one comparison for each reply that is not one of them. TCP_INFO is
 * taken when a connection becomes one of them, or at the next look at all connections, or when it is let
 * go of, whatever comes first.
 */
export class SlowConnections {
  readonly #most: number;
  readonly #entries: Entry[] = [];
  /** A wait that is not longer than this changes nothing. */
  #threshold = 0;
  #askedAt = -Infinity;
  #pending = false;

  /** Of so many connections, which may be fewer than are kept. */
  constructor(connections: number) {
    this.#most = Math.min(connections, SLOWEST);
  }

  /** Notes that a connection, by its number, has waited `ms` milliseconds, for a reply or in vain. */
  note(peer: Observable, connection: number, ms: number): void {
    if (ms > this.#threshold) this.#enter(peer, connection, ms);
  }

  #enter(peer: Observable, connection: number, ms: number): void {
    const now = clock();
    const entry = this.#place(connection);
    if (entry.connection === connection && entry.ms >= ms) return;
    const fresh = entry.peer === peer && entry.connection === connection &&
      entry.askedAt >= now - ms;
    entry.connection = connection;
    entry.ms = ms;
    entry.peer = peer;
    if (!fresh) {
      entry.askedAt = -Infinity;
      entry.info = null;
      this.#pending = true;
    }
    this.#threshold = this.#entries.length < this.#most
      ? 0
      : this.#entries.reduce((least, { ms }) => Math.min(least, ms), Infinity);
    if (this.#pending && now - this.#askedAt >= ASK_EVERY_MS) this.ask();
  }

  /** Its own entry, a new one, or that of the least slow. */
  #place(connection: number): Entry {
    const entries = this.#entries;
    let least = entries[0];
    for (const entry of entries) {
      if (entry.connection === connection) return entry;
      if (entry.ms < least!.ms) least = entry;
    }
    if (entries.length === this.#most) return least!;
    const entry = { connection: -1, peer: null, ms: 0, info: null, askedAt: -Infinity };
    entries.push(entry);
    return entry;
  }

  /** Asks for all that have not been asked for yet. To be called while they are open, as after a sweep. */
  ask(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.#askedAt = clock();
    for (const entry of this.#entries) {
      if (entry.askedAt !== -Infinity || entry.peer === null || entry.peer.closed) continue;
      entry.info = entry.peer.transportInfo();
      entry.askedAt = this.#askedAt;
    }
  }

  /** Worst first. Connections of which the kernel says nothing, or said nothing before they closed, are left out. */
  list(): SlowConnection[] {
    this.ask();
    return this.#entries.toSorted((a, b) => b.ms - a.ms).flatMap(({ connection, ms, info }) =>
      info === null ? [] : [{
        connection,
        latency_us: Math.round(ms * 10_000) / 10,
        rtt_us: info.rttUs,
        rtt_variation_us: info.rttVariationUs,
        retransmits: info.retransmits,
        lost_segments: info.lost,
        congestion_window: info.congestionWindow,
        unacknowledged: info.unacknowledged,
      }]
    );
  }
}
