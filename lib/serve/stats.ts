/** The statistics of a server: memory that all of its threads share, and the JSON of the contract. */
import { COUNTER, Counters, COUNTERS_BYTES } from "../engine/mod.ts";
import type { SelectorName } from "../selectors/mod.ts";
import { codeName } from "../sys/errno.ts";

/** What a worker of the server counts beside its engine. */
export const SERVE_COUNTER = {
  handoffs: COUNTER.user,
  leases: COUNTER.user + 1,
  /** Connections that were let in, and those of them that are over. */
  opened: COUNTER.user + 2,
  closed: COUNTER.user + 3,
} as const;

/** What `--stats`, SIGUSR1, `--metrics` and `iomux stress` show of a server. */
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
  /** Connections that were closed with output still queued, or while handed over: they end by RST. */
  connections_cut: number;
}

/** Whether a server serves yet, or still. */
export const PHASE = { starting: 0, serving: 1, draining: 2 } as const;

const SELECTORS: readonly (SelectorName | "uring")[] = [
  ...["select", "poll", "epoll", "kqueue", "wsapoll", "uring"] as const,
];
/** 32-bit cells, and behind them the time of the start. */
const CELL = { active: 0, peak: 1, phase: 2, selector: 3, restarts: 4, lost: 5 } as const;
const STARTED_AT = 24;

/** Memory of a server's statistics; it can be passed to a thread. */
export interface StatsMemory {
  readonly common: SharedArrayBuffer;
  readonly workers: readonly SharedArrayBuffer[];
}

const now = (): number => performance.timeOrigin + performance.now();

/** That memory with its meaning. Any thread may read it; what has one writer says so. */
export class ServerStats {
  readonly memory: StatsMemory;
  readonly #cells: Int32Array;
  readonly #startedAt: Float64Array;
  readonly #workers: readonly Counters[];

  constructor(
    memory: StatsMemory,
    workers: readonly Counters[] = memory.workers.map((worker) => new Counters(worker)),
  ) {
    this.memory = memory;
    this.#cells = new Int32Array(memory.common, 0, STARTED_AT / 4);
    this.#startedAt = new Float64Array(memory.common, STARTED_AT, 1);
    this.#workers = workers;
  }

  /** New memory, for a server that starts now. */
  static create(workers: number): ServerStats {
    const stats = new ServerStats({
      common: new SharedArrayBuffer(STARTED_AT + 8),
      workers: Array.from({ length: workers }, () => new SharedArrayBuffer(COUNTERS_BYTES)),
    });
    stats.#startedAt[0] = now();
    return stats;
  }

  /** One of PHASE; set by the main thread only, as what follows. */
  get phase(): number {
    return Atomics.load(this.#cells, CELL.phase);
  }
  set phase(phase: number) {
    Atomics.store(this.#cells, CELL.phase, phase);
  }
  set selector(name: SelectorName | "uring") {
    Atomics.store(this.#cells, CELL.selector, SELECTORS.indexOf(name) + 1);
  }
  /** A worker has died with so many connections; it may have been replaced. */
  addDeath(lost: number, isReplaced: boolean): void {
    Atomics.add(this.#cells, CELL.lost, lost);
    Atomics.add(this.#cells, CELL.restarts, isReplaced ? 1 : 0);
  }
  get lost(): number {
    return Atomics.load(this.#cells, CELL.lost);
  }

  /** Counts one more connection of all workers together, unless there are `limit` already. */
  enter(limit: number): boolean {
    // Not "add, look, subtract": for that moment another worker would see one too many.
    let now: number;
    do {
      now = this.#active + 1;
      if (now > limit) return false;
    } while (Atomics.compareExchange(this.#cells, CELL.active, now - 1, now) !== now - 1);
    for (let peak = this.#peak; now > peak; peak = this.#peak) {
      if (Atomics.compareExchange(this.#cells, CELL.peak, peak, now) === peak) break;
    }
    return true;
  }
  leave(): void {
    Atomics.sub(this.#cells, CELL.active, 1);
  }
  get #active(): number {
    return Atomics.load(this.#cells, CELL.active);
  }
  get #peak(): number {
    return Atomics.load(this.#cells, CELL.peak);
  }

  /**
   * The sums over all workers, which count on meanwhile. `accepted` and `active` are not counted but
   * computed, so that accepted = active + closed + rejected + denied in every snapshot.
   */
  collect(): Stats {
    const sum = (slot: number) => this.#workers.reduce((all, { slots }) => all + slots[slot]!, 0);
    let opened = 0, closed = 0;
    for (const { slots } of this.#workers) {
      const [ofOpened, ofClosed] = openedAndClosed(slots);
      opened += ofOpened;
      closed += ofClosed;
    }
    const [rejected, denied] = [sum(COUNTER.rejected), sum(COUNTER.denied)];
    const active = opened - closed;
    // Errors after the closed connections that they belong to: a worker counts the error first.
    const errors: Record<string, number> = {};
    for (const [errno, count] of this.#workers.flatMap((counters) => counters.errors())) {
      errors[codeName(errno)] = (errors[codeName(errno)] ?? 0) + count;
    }
    return {
      uptime_s: Math.round(now() - this.#startedAt[0]!) / 1000,
      selector: SELECTORS[Atomics.load(this.#cells, CELL.selector) - 1] ?? "",
      workers: this.#workers.length,
      accepted: opened + rejected + denied,
      active,
      peak: Math.max(this.#peak, active),
      rejected,
      denied,
      closed,
      bytes_in: sum(COUNTER.bytesIn),
      bytes_out: sum(COUNTER.bytesOut),
      handoffs: sum(SERVE_COUNTER.handoffs),
      leases_active: sum(SERVE_COUNTER.leases),
      wakeups: sum(COUNTER.wakeups),
      events: sum(COUNTER.events),
      spurious_wakeups: sum(COUNTER.spurious),
      accept_pauses: sum(COUNTER.acceptPauses),
      max_buffered: Math.max(...this.#workers.map(({ slots }) => slots[COUNTER.maxBuffered]!)),
      errors,
      worker_restarts: Atomics.load(this.#cells, CELL.restarts),
      connections_lost: this.lost,
      connections_cut: sum(COUNTER.cut),
    };
  }
}

/** Both at one moment: `closed` is the same before and after `opened` was read. */
function openedAndClosed(slots: Float64Array): [number, number] {
  let closed = slots[SERVE_COUNTER.closed]!;
  for (let tries = 0;; tries++) {
    const opened = slots[SERVE_COUNTER.opened]!;
    const again = slots[SERVE_COUNTER.closed]!;
    if (again === closed || tries === 100) return [opened, closed];
    closed = again;
  }
}
