/** A loop's side of the handler workers: which are free, and what has become of the connections. */
import type { OSError } from "../../net/mod.ts";
import { duplicate, setNonBlocking } from "../../sys/posix.ts";
import { CELL, STATE, VERDICT, WorkerTable, type WorkerTableMemory } from "./worker_table.ts";
import type { Executor, Lease, Outcome } from "./executor.ts";

/** How long a handler may take to notice that its connection is gone. */
const GRACE_MS = 1000;

export interface ExecutorCallbacks {
  after(ms: number, callback: () => void): unknown;
  /** So many bytes were received and sent elsewhere. */
  moved(received: number, sent: number): void;
  /** For the main thread: a worker has ended, or does not come to an end. */
  vacant(worker: number): void;
  stuck(worker: number, generation: number): void;
}

type LeaseNumbers = Pick<Lease, "worker" | "connection" | "handoff">;

export class HandlerExecutor implements Executor {
  readonly seesEnd = true;
  readonly shares = false;
  readonly #table: WorkerTable;
  readonly #loop: number;
  readonly #callbacks: ExecutorCallbacks;
  readonly #leases = new Map<number, Lease>();
  /** Since when a connection waits here, by a ticket; 0 for none. */
  #ticket = 0;

  constructor(
    memory: WorkerTableMemory,
    loop: number,
    wakeFd: number,
    callbacks: ExecutorCallbacks,
  ) {
    this.#table = new WorkerTable(memory);
    this.#loop = loop;
    this.#callbacks = callbacks;
    this.#table.setWakeFd(loop, duplicate(wakeFd));
    this.#clear();
    // A loop that has died may still be noted as waiting, and the others would wait for it.
    this.#table.setTicket(loop, 0);
    if (this.#anyIdle()) this.#table.offer();
  }

  /** A loop that has died may have left workers behind whose outcome does not matter any more. */
  #clear(): void {
    for (let worker = 0; worker < this.#table.workers; worker++) {
      const of = (cell: number) => this.#table.get(worker, cell);
      const state = this.#table.state(worker);
      if (state <= STATE.claimed || state === STATE.orphaned || of(CELL.loop) !== this.#loop) {
        continue;
      }
      const [connection, handoff] = [of(CELL.connection), of(CELL.handoff)];
      this.abandon({ worker, connection, handoff });
    }
  }

  claim(): number | undefined {
    const table = this.#table;
    const first = table.longestWaiting();
    if (first >= 0 && first !== this.#loop) {
      table.wakeLoop(first); // it is that one's turn; once it has a worker, it wakes the next
      return undefined;
    }
    for (let worker = 0; worker < table.workers; worker++) {
      if (table.move(worker, STATE.idle, STATE.claimed)) return worker;
    }
  }

  start(lease: Lease): Outcome | undefined {
    const { worker } = lease;
    const table = this.#table;
    let fd: number;
    try {
      setNonBlocking(lease.fd, false);
      // A duplicate: a handler that closes its socket closes that, and the number here stays ours.
      fd = duplicate(lease.fd);
    } catch (error) {
      if (table.move(worker, STATE.claimed, STATE.idle)) table.offer();
      else this.#vacate(worker);
      return { kind: "failed", message: (error as Error).message, errno: (error as OSError).errno };
    }
    this.#leases.set(worker, lease);
    table.lend(worker, fd, lease.sockaddr);
    table.set(worker, CELL.loop, this.#loop);
    table.set(worker, CELL.connection, lease.connection);
    table.set(worker, CELL.handoff, lease.handoff);
    table.write(worker, lease.bytes);
    // When that fails, its thread has ended; `collect` sees it.
    if (!table.move(worker, STATE.claimed, STATE.given)) table.wakeLoop(this.#loop);
  }

  collect(finished: (lease: Lease, outcome: Outcome) => void): void {
    for (const [worker, lease] of this.#leases) {
      const outcome = this.#outcome(worker, lease);
      if (!outcome) continue;
      this.#leases.delete(worker);
      finished(lease, outcome);
    }
  }

  #outcome(worker: number, lease: LeaseNumbers): Outcome | undefined {
    const table = this.#table;
    switch (table.state(worker)) {
      case STATE.done:
      case STATE.doneAndGone: {
        const outcome = this.#read(worker);
        const [received, sent] = [CELL.bytesIn, CELL.bytesOut];
        this.#callbacks.moved(table.getLarge(worker, received), table.getLarge(worker, sent));
        if (table.move(worker, STATE.done, STATE.idle)) table.offer();
        else this.#vacate(worker);
        return outcome;
      }
      case STATE.untouched:
        this.#vacate(worker);
        return { kind: "untouched" };
      case STATE.crashed: {
        this.#vacate(worker);
        const message = `its handler worker ${worker + 1} died (connection ${lease.connection})`;
        return { kind: "failed", message, errno: 0, died: true };
      }
    }
  }

  #read(worker: number): Outcome {
    const bytes = this.#table.read(worker);
    const verdict = this.#table.get(worker, CELL.verdict);
    if (verdict === VERDICT.keep) {
      return { kind: "keep", bytes, taken: this.#table.getLarge(worker, CELL.bytesIn) };
    }
    if (verdict === VERDICT.close) return { kind: "close" };
    const message = new TextDecoder().decode(bytes);
    return { kind: "failed", message, errno: this.#table.get(worker, CELL.errno) };
  }

  /** The worker has ended; what it has left open is closed, and the main thread starts another. */
  #vacate(worker: number): void {
    this.#table.closeLent(worker);
    for (const state of [STATE.untouched, STATE.crashed, STATE.doneAndGone]) {
      this.#table.move(worker, state, STATE.vacant);
    }
    this.#callbacks.vacant(worker);
  }

  abandon(lease: LeaseNumbers): void {
    const { worker } = lease;
    const table = this.#table;
    this.#leases.delete(worker);
    const running = [STATE.given, STATE.busy, STATE.finishing];
    // It may be moving on at this moment, at most through these states.
    for (let i = 0; i < 2; i++) {
      for (const state of running) {
        if (!table.move(worker, state, STATE.orphaned)) continue;
        const generation = table.generation(worker);
        this.#callbacks.after(GRACE_MS, () => {
          const same = table.get(worker, CELL.connection) === lease.connection &&
            table.get(worker, CELL.handoff) === lease.handoff;
          if (same && table.state(worker) === STATE.orphaned) {
            this.#callbacks.stuck(worker, generation);
          }
        });
        return;
      }
    }
    this.#outcome(worker, lease); // it has just ended: free the place
  }

  close(): void {} // the main thread ends the workers

  nextTicket(): number {
    return this.#table.nextTicket();
  }

  waiting(ticket: number): void {
    if (ticket === this.#ticket) return;
    this.#ticket = ticket;
    this.#table.setTicket(this.#loop, ticket);
    // Another loop may have had to wait for us only.
    if (ticket === 0 && this.#anyIdle()) this.#table.offer();
  }

  #anyIdle(): boolean {
    for (let worker = 0; worker < this.#table.workers; worker++) {
      if (this.#table.state(worker) === STATE.idle) return true;
    }
    return false;
  }
}
