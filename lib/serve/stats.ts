/** The statistics of a server, as the JSON of the contract. */
import { COUNTER, type Counters } from "../engine/mod.ts";
import { codeName } from "../sys/errno.ts";

/** Where the handoff counts, after what the engine counts. */
export const HANDOFF_COUNTER = { handoffs: COUNTER.user, leases: COUNTER.user + 1 } as const;

/** What `--stats`, SIGUSR1 and `iomux stress` show of a server. */
export interface Stats {
  uptime_s: number;
  selector: string;
  workers: number;
  accepted: number;
  active: number;
  peak: number;
  rejected: number;
  denied: number;
  closed: number;
  bytes_in: number;
  bytes_out: number;
  handoffs: number;
  leases_active: number;
  wakeups: number;
  events: number;
  spurious_wakeups: number;
  accept_pauses: number;
  max_buffered: number;
  errors: Record<string, number>;
  /** Workers that died and were replaced, and the connections that they took with them. */
  worker_restarts: number;
  connections_lost: number;
}

/** What all workers of a server share: how many connections there are, and the most there were. */
export class ConnectionCount {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  /** Counts one more, unless there are `limit` already. */
  enter(limit: number): boolean {
    // Not "add, look, subtract": for that moment another worker would see one too many.
    let now: number;
    do {
      now = this.active + 1;
      if (now > limit) return false;
    } while (Atomics.compareExchange(this.#cells, 0, now - 1, now) !== now - 1);
    for (let peak = this.peak; now > peak; peak = this.peak) {
      if (Atomics.compareExchange(this.#cells, 1, peak, now) === peak) break;
    }
    return true;
  }

  leave(): void {
    Atomics.sub(this.#cells, 0, 1);
  }

  get active(): number {
    return Atomics.load(this.#cells, 0);
  }

  get peak(): number {
    return Atomics.load(this.#cells, 1);
  }
}

/** Who counts: the workers, each in memory of its own, and who looks after them. */
export interface Counting {
  readonly selector: string;
  readonly counters: readonly Counters[];
  readonly restarts: number;
  readonly lost: number;
}

/** Adds the workers' counters up. `startedAt` is on the clock of `performance.now()`. */
export function collectStats(
  { selector, counters: workers, restarts, lost }: Counting,
  connections: ConnectionCount,
  startedAt: number,
): Stats {
  // First: they count on meanwhile. Whoever is gone by now is in all that is read from here on.
  const { active, peak } = connections;
  const sum = (slot: number) => workers.reduce((total, { slots }) => total + slots[slot]!, 0);
  const errors: Record<string, number> = {};
  for (const [errno, count] of workers.flatMap((counters) => counters.errors())) {
    errors[codeName(errno)] = (errors[codeName(errno)] ?? 0) + count;
  }
  return {
    uptime_s: Math.round(performance.now() - startedAt) / 1000,
    selector,
    workers: workers.length,
    accepted: sum(COUNTER.accepted),
    active,
    peak,
    rejected: sum(COUNTER.rejected),
    denied: sum(COUNTER.denied),
    closed: sum(COUNTER.closed),
    bytes_in: sum(COUNTER.bytesIn),
    bytes_out: sum(COUNTER.bytesOut),
    handoffs: sum(HANDOFF_COUNTER.handoffs),
    leases_active: sum(HANDOFF_COUNTER.leases),
    wakeups: sum(COUNTER.wakeups),
    events: sum(COUNTER.events),
    spurious_wakeups: sum(COUNTER.spurious),
    accept_pauses: sum(COUNTER.acceptPauses),
    max_buffered: Math.max(...workers.map(({ slots }) => slots[COUNTER.maxBuffered]!)),
    errors,
    worker_restarts: restarts,
    connections_lost: lost,
  };
}
