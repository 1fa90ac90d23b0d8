/** A loop's side of the handler workers: who is free, and what has become of the connections. */
import type { OSError } from "../../net/mod.ts";
import { closeFd, duplicate } from "../../sys/posix.ts";
import { CELL, Roster, type RosterMemory, STATE, VERDICT } from "./roster.ts";
import type { Lease, Outcome, Workplace } from "./workplace.ts";

/** How long a handler may take to notice that its connection is gone. */
const GRACE_MS = 1000;

/** What the desk needs of its loop. */
export interface DeskHelp {
  after(ms: number, callback: () => void): unknown;
  /** So many bytes were received and sent elsewhere. */
  moved(received: number, sent: number): void;
  /** A worker's place is free, or its worker does not come to an end: the main thread sees to it. */
  vacant(worker: number): void;
  stuck(worker: number, generation: number): void;
}

type LeaseNumbers = Pick<Lease, "worker" | "connection" | "handoff">;

/** Hands connections to workers of the pool. */
export class HandlerDesk implements Workplace {
  readonly seesEnd = true;
  readonly #roster: Roster;
  readonly #loop: number;
  readonly #help: DeskHelp;
  readonly #leases = new Map<number, Lease>();
  /** Since when somebody waits here, by a ticket; 0 for nobody. */
  #ticket = 0;

  constructor(memory: RosterMemory, loop: number, wakeFd: number, help: DeskHelp) {
    this.#roster = new Roster(memory);
    this.#loop = loop;
    this.#help = help;
    this.#roster.setWakeFd(loop, duplicate(wakeFd));
    this.#clear();
    // A loop that has died may still be said to wait, and the others for it.
    this.#roster.setTicket(loop, 0);
    if (this.#anyIdle()) this.#roster.offer();
  }

  /** A loop that has died may have left workers behind whose outcome nobody waits for. */
  #clear(): void {
    for (let worker = 0; worker < this.#roster.workers; worker++) {
      const of = (cell: number) => this.#roster.get(worker, cell);
      const state = this.#roster.state(worker);
      if (state <= STATE.claimed || state === STATE.orphaned || of(CELL.loop) !== this.#loop) {
        continue;
      }
      const [connection, handoff] = [of(CELL.connection), of(CELL.handoff)];
      this.abandon({ worker, connection, handoff });
    }
  }

  claim(): number | undefined {
    const roster = this.#roster;
    const first = roster.longestWaiting();
    if (first >= 0 && first !== this.#loop) {
      roster.wakeLoop(first); // it is that one's turn; when it has what it wants, it wakes the next
      return undefined;
    }
    for (let worker = 0; worker < roster.workers; worker++) {
      if (roster.move(worker, STATE.idle, STATE.claimed)) return worker;
    }
  }

  begin(lease: Lease): Outcome | undefined {
    const { worker } = lease;
    const roster = this.#roster;
    let fd: number;
    try {
      // A duplicate: a handler that closes its socket closes that, and the number here stays ours.
      fd = duplicate(lease.fd);
    } catch (error) {
      if (roster.move(worker, STATE.claimed, STATE.idle)) roster.offer();
      else this.#vacate(worker);
      return { kind: "failed", message: (error as Error).message, errno: (error as OSError).errno };
    }
    this.#leases.set(worker, lease);
    roster.set(worker, CELL.fd, fd);
    roster.set(worker, CELL.loop, this.#loop);
    roster.set(worker, CELL.connection, lease.connection);
    roster.set(worker, CELL.handoff, lease.handoff);
    roster.write(worker, lease.bytes);
    // When that fails, its thread has ended; `collect` sees it.
    if (!roster.move(worker, STATE.claimed, STATE.given)) roster.wakeLoop(this.#loop);
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
    const roster = this.#roster;
    switch (roster.state(worker)) {
      case STATE.done:
      case STATE.doneAndGone: {
        const outcome = this.#read(worker);
        const [received, sent] = [CELL.bytesIn, CELL.bytesOut];
        this.#help.moved(roster.getLarge(worker, received), roster.getLarge(worker, sent));
        if (roster.move(worker, STATE.done, STATE.idle)) roster.offer();
        else this.#vacate(worker);
        return outcome;
      }
      case STATE.untouched:
        this.#vacate(worker);
        return { kind: "untouched" };
      case STATE.crashed: {
        this.#vacate(worker);
        const message = `its handler worker ${worker + 1} died (connection ${lease.connection})`;
        return { kind: "failed", message, errno: 0 };
      }
    }
  }

  #read(worker: number): Outcome {
    const bytes = this.#roster.read(worker);
    const verdict = this.#roster.get(worker, CELL.verdict);
    if (verdict === VERDICT.keep) {
      return { kind: "keep", bytes, taken: this.#roster.getLarge(worker, CELL.bytesIn) };
    }
    if (verdict === VERDICT.close) return { kind: "close" };
    const message = new TextDecoder().decode(bytes);
    return { kind: "failed", message, errno: this.#roster.get(worker, CELL.errno) };
  }

  /** The worker has ended; what it has left open is closed, and the main thread starts another. */
  #vacate(worker: number): void {
    const fd = this.#roster.get(worker, CELL.fd);
    if (fd >= 0) closeFd(fd);
    this.#roster.set(worker, CELL.fd, -1);
    for (const state of [STATE.untouched, STATE.crashed, STATE.doneAndGone]) {
      this.#roster.move(worker, state, STATE.vacant);
    }
    this.#help.vacant(worker);
  }

  abandon(lease: LeaseNumbers): void {
    const { worker } = lease;
    const roster = this.#roster;
    this.#leases.delete(worker);
    const running = [STATE.given, STATE.busy, STATE.finishing];
    // It may be moving on at this moment, at most through these states.
    for (let i = 0; i < 2; i++) {
      for (const state of running) {
        if (!roster.move(worker, state, STATE.orphaned)) continue;
        const generation = roster.generation(worker);
        this.#help.after(GRACE_MS, () => {
          const same = roster.get(worker, CELL.connection) === lease.connection &&
            roster.get(worker, CELL.handoff) === lease.handoff;
          if (same && roster.state(worker) === STATE.orphaned) {
            this.#help.stuck(worker, generation);
          }
        });
        return;
      }
    }
    this.#outcome(worker, lease); // it has just ended: free the place
  }

  close(): void {} // the main thread ends the workers

  nextTicket(): number {
    return this.#roster.nextTicket();
  }

  waiting(ticket: number): void {
    if (ticket === this.#ticket) return;
    this.#ticket = ticket;
    this.#roster.setTicket(this.#loop, ticket);
    // Another loop may have had to wait for us only.
    if (ticket === 0 && this.#anyIdle()) this.#roster.offer();
  }

  #anyIdle(): boolean {
    for (let worker = 0; worker < this.#roster.workers; worker++) {
      if (this.#roster.state(worker) === STATE.idle) return true;
    }
    return false;
  }
}
