/**
 * What each handler worker is doing: memory that the loops, the handler workers and the main thread share.
 *
 * Each worker has a state, changed by compare-and-exchange, so that of two threads one can. A state carries
 * the generation of its worker, so that a worker that was replaced can't speak for its successor. A loop
 * waits in the kernel, so it is woken through a descriptor; a worker waits for its state to change.
 */
import type { Address } from "../../net/mod.ts";
import { wakeDescriptor } from "../../selectors/waker.ts";
import { c } from "../../sys/posix.ts";
import { addressIn, SOCKADDR_SIZE } from "../../sys/socket/sockaddr.ts";
import { socketIdentity } from "../../sys/socket/sockets.ts";

/** What a handler worker is doing. */
export const STATE = {
  /** There is no thread: it is being started. */
  vacant: 0,
  idle: 1,
  /** A loop is about to give it a connection. */
  claimed: 2,
  given: 3,
  busy: 4,
  /** It has run, and its outcome is being written down. */
  finishing: 5,
  done: 6,
  /** The handler runs, but its outcome does not matter any more. */
  orphaned: 7,
  /** The thread has ended: before it took the connection, while it had it, after it was done. */
  untouched: 8,
  crashed: 9,
  doneAndGone: 10,
} as const;

export const VERDICT = { keep: 0, close: 1, failed: 2 } as const;

/** Numbers that go with a worker's state. */
export const CELL = {
  state: 0,
  /** The descriptor that the worker may close; -1 once it has. */
  fd: 1,
  /** Which loop waits for the outcome. */
  loop: 2,
  connection: 3,
  handoff: 4,
  verdict: 5,
  errno: 6,
  /** How much of the worker's area is filled. */
  length: 7,
  /** How many bytes the handler has received and sent; each takes two cells. */
  bytesIn: 8,
  bytesOut: 10,
  /** Which socket the descriptor is; two cells. */
  identity: 12,
  /** How long the peer's sockaddr is, which follows; 0 where it is not known. */
  sockaddr: 14,
} as const;

/** Bytes that can travel with a connection. */
export const AREA_BYTES = 1 << 16;

const STATE_BITS = 4;
const STATES = 1 << STATE_BITS;
/** A generation has the rest of a cell, and wraps around. */
const GENERATIONS = 0xffffffff >>> STATE_BITS;
const HEADER = 2;
const PER_LOOP = 2;
const PER_WORKER = 15 + SOCKADDR_SIZE / 4;

/** The memory itself; it can be passed to a thread. */
export interface WorkerTableMemory {
  readonly loops: number;
  readonly workers: number;
  readonly cells: SharedArrayBuffer;
  readonly areas: SharedArrayBuffer;
}

export function workerTableMemory(loops: number, workers: number): WorkerTableMemory {
  const cells = new SharedArrayBuffer(4 * (HEADER + loops * PER_LOOP + workers * PER_WORKER));
  const view = new Int32Array(cells);
  for (let loop = 0; loop < loops; loop++) view[HEADER + loop * PER_LOOP] = -1;
  return { loops, workers, cells, areas: new SharedArrayBuffer(workers * AREA_BYTES) };
}

export class WorkerTable {
  readonly workers: number;
  readonly cells: Int32Array;
  readonly #areas: SharedArrayBuffer;
  readonly #loops: number;

  constructor(memory: WorkerTableMemory) {
    this.workers = memory.workers;
    this.cells = new Int32Array(memory.cells);
    this.#areas = memory.areas;
    this.#loops = memory.loops;
  }

  /** The next number of a connection, from 1; after 2^31 - 1 they begin again, with 0. */
  nextConnection(): number {
    return (Atomics.add(this.cells, 0, 1) + 1) & 0x7fffffff;
  }

  /** A position in the queue for a worker; never 0, which stands for no position. */
  nextTicket(): number {
    return Atomics.add(this.cells, 1, 1) + 1 || this.nextTicket();
  }

  /** Where a number of a worker is. */
  at(worker: number, cell: number): number {
    return HEADER + this.#loops * PER_LOOP + worker * PER_WORKER + cell;
  }
  get(worker: number, cell: number): number {
    return Atomics.load(this.cells, this.at(worker, cell));
  }
  set(worker: number, cell: number, value: number): void {
    Atomics.store(this.cells, this.at(worker, cell), value);
  }

  state(worker: number): number {
    return this.get(worker, CELL.state) & (STATES - 1);
  }
  generation(worker: number): number {
    return this.get(worker, CELL.state) >>> STATE_BITS;
  }

  /** Changes a worker's state from one to another; false when it was not that one. */
  move(worker: number, from: number, to: number, generation = this.generation(worker)): boolean {
    const base = generation << STATE_BITS;
    const at = this.at(worker, CELL.state);
    if (Atomics.compareExchange(this.cells, at, base + from, base + to) !== base + from) {
      return false;
    }
    Atomics.notify(this.cells, at);
    return true;
  }

  /** A new generation, which makes what the last one says void. */
  renew(worker: number): number {
    const generation = (this.generation(worker) + 1) & GENERATIONS;
    this.set(worker, CELL.state, generation << STATE_BITS | STATE.vacant);
    Atomics.notify(this.cells, this.at(worker, CELL.state));
    return generation;
  }

  /** Writes bytes that travel with a connection; they must not be more than an area holds. */
  write(worker: number, bytes: Uint8Array): void {
    this.#area(worker).set(bytes);
    this.set(worker, CELL.length, bytes.length);
  }
  read(worker: number): Uint8Array {
    return this.#area(worker).slice(0, this.get(worker, CELL.length));
  }
  #area(worker: number): Uint8Array {
    return new Uint8Array(this.#areas, worker * AREA_BYTES, AREA_BYTES);
  }

  /** A descriptor that the worker may close from now on. */
  lend(worker: number, fd: number, sockaddr: Uint8Array = new Uint8Array(0)): void {
    this.set(worker, CELL.fd, fd);
    this.set(worker, CELL.sockaddr, sockaddr.length);
    this.#sockaddr(worker).set(sockaddr);
    this.setLarge(worker, CELL.identity, socketIdentity(fd));
  }
  #sockaddr(worker: number): Uint8Array {
    const at = 4 * this.at(worker, CELL.sockaddr + 1);
    return new Uint8Array(this.cells.buffer, at, this.get(worker, CELL.sockaddr));
  }
  /** Whom the descriptor is connected to, where that is known. */
  peer(worker: number): Address | undefined {
    const sockaddr = this.#sockaddr(worker);
    return sockaddr.length === 0 ? undefined : addressIn(sockaddr.slice());
  }
  /**
   * The descriptor, unless it was closed. A handler can close it by its number, behind the back of its
   * Socket, and the number may have been given to another connection since.
   */
  lent(worker: number): number {
    const fd = this.get(worker, CELL.fd);
    const isSame = fd >= 0 && socketIdentity(fd) === this.getLarge(worker, CELL.identity);
    return isSame ? fd : -1;
  }
  /** Takes the descriptor out of the table; returns how to close it, if it is still open then. */
  takeLent(worker: number): () => void {
    const [fd, identity] = [this.get(worker, CELL.fd), this.getLarge(worker, CELL.identity)];
    this.set(worker, CELL.fd, -1);
    return () => {
      if (fd >= 0 && socketIdentity(fd) === identity) c.close(fd);
    };
  }
  closeLent(worker: number): void {
    this.takeLent(worker)();
  }

  /** Numbers that do not fit into a cell. */
  setLarge(worker: number, cell: number, value: number): void {
    this.set(worker, cell, value % 2 ** 32 | 0);
    this.set(worker, cell + 1, Math.floor(value / 2 ** 32));
  }
  getLarge(worker: number, cell: number): number {
    return this.get(worker, cell + 1) * 2 ** 32 + (this.get(worker, cell) >>> 0);
  }

  /** How a loop is woken. The descriptor stays open for as long as any thread may use it. */
  setWakeFd(loop: number, wakeFd: number): void {
    Atomics.store(this.cells, HEADER + loop * PER_LOOP, wakeFd);
  }
  wakeLoop(loop: number): void {
    const wakeFd = Atomics.load(this.cells, HEADER + loop * PER_LOOP);
    if (wakeFd >= 0) wakeDescriptor(wakeFd);
  }

  /** Says since when a loop waits for a worker; 0 for not at all. */
  setTicket(loop: number, ticket: number): void {
    Atomics.store(this.cells, HEADER + loop * PER_LOOP + 1, ticket);
  }
  /** The loop that has waited longest; -1 when none waits. */
  longestWaiting(): number {
    let found = -1, ticket = 0;
    for (let loop = 0; loop < this.#loops; loop++) {
      const its = Atomics.load(this.cells, HEADER + loop * PER_LOOP + 1);
      // As 32-bit numbers, which wrap around: the sign of the difference is the order.
      if (its === 0 || (found >= 0 && (its - ticket | 0) > 0)) continue;
      [found, ticket] = [loop, its];
    }
    return found;
  }
  /** A worker is idle: the loop that has waited longest may have it. */
  offer(): void {
    const loop = this.longestWaiting();
    if (loop >= 0) this.wakeLoop(loop);
  }
}
