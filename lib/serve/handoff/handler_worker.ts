/** The body of a handler worker: a thread that runs a handler on one connection after the other. */
import { type BlockingHandler, type OSError, Socket } from "../../net/mod.ts";
import { textOf } from "../../sys/arguments.ts";
import {
  AREA_BYTES,
  CELL,
  STATE,
  VERDICT,
  WorkerTable,
  type WorkerTableMemory,
} from "./worker_table.ts";

export interface HandlerWorkerData {
  readonly memory: WorkerTableMemory;
  readonly worker: number;
  readonly generation: number;
  /** The address of the handler module: "file:///…". */
  readonly module: string;
}

/** What a handler worker says, once, before it works. */
export type HandlerWorkerMessage =
  | { readonly type: "loaded" }
  | { readonly type: "unusable"; readonly message: string };

/** Longest message of a failure. */
const MESSAGE_BYTES = 4096;

/** Runs until another thread takes its number, or this one is ended from outside. */
export async function runHandlerWorker(
  data: HandlerWorkerData,
  post: (message: HandlerWorkerMessage) => void,
): Promise<void> {
  let handler: BlockingHandler;
  try {
    handler = (await import(data.module)).default;
  } catch (error) {
    return post({ type: "unusable", message: describe(error) });
  }
  if (typeof handler !== "function") {
    return post({ type: "unusable", message: "its default export is no function" });
  }
  const { worker, generation } = data;
  const table = new WorkerTable(data.memory);
  if (!table.move(worker, STATE.vacant, STATE.idle, generation)) return;
  post({ type: "loaded" });
  table.offer();
  const runs = new Runs(table, worker, generation, handler);
  const at = table.at(worker, CELL.state);
  // Waiting for memory does not keep a thread alive, and must not: this does.
  const alive = setInterval(() => {}, 1 << 30);
  for (;;) {
    const now = Atomics.load(table.cells, at);
    const state = table.state(worker);
    if (table.generation(worker) !== generation || state === STATE.vacant) break;
    if (state === STATE.given) await runs.next();
    else if (state === STATE.orphaned) runs.drop();
    else {
      // Not Atomics.wait: the event loop goes on, for what the handler has left running.
      const change = Atomics.waitAsync(table.cells, at, now);
      if (change.async) await change.value;
    }
  }
  clearInterval(alive);
}

/** One connection after the other. */
class Runs {
  readonly #table: WorkerTable;
  readonly #worker: number;
  readonly #generation: number;
  readonly #handler: BlockingHandler;
  /** Bytes of this connection, this time. */
  #received = 0;
  #sent = 0;

  constructor(table: WorkerTable, worker: number, generation: number, handler: BlockingHandler) {
    this.#table = table;
    this.#worker = worker;
    this.#generation = generation;
    this.#handler = handler;
  }

  async next(): Promise<void> {
    const table = this.#table;
    if (!this.#move(STATE.given, STATE.busy)) return;
    const socket = this.#socket();
    let verdict: number = VERDICT.failed, errno = 0, bytes: Uint8Array;
    try {
      const answer = this.#handler(socket, {
        connection: table.get(this.#worker, CELL.connection),
        handoff: table.get(this.#worker, CELL.handoff),
        worker: this.#worker + 1,
      });
      // Awaiting what is no promise would cost a turn of the event loop.
      const settled = answer instanceof Promise ? await answer : answer;
      const isClosed = table.lent(this.#worker) < 0; // by the handler itself
      verdict = settled === "close" || isClosed ? VERDICT.close : VERDICT.keep;
      bytes = socket.takeUnread();
      if (bytes.length > AREA_BYTES) {
        throw new RangeError(`Cannot unread ${bytes.length} bytes: ${AREA_BYTES} are the most`);
      }
    } catch (error) {
      verdict = VERDICT.failed;
      errno = errnoOf(error);
      bytes = new TextEncoder().encode(describe(error)).subarray(0, MESSAGE_BYTES);
    }
    if (table.lent(this.#worker) >= 0) socket.close();
    if (!this.#move(STATE.busy, STATE.finishing)) return this.drop();
    table.write(this.#worker, bytes);
    table.setLarge(this.#worker, CELL.bytesIn, this.#received);
    table.setLarge(this.#worker, CELL.bytesOut, this.#sent);
    table.set(this.#worker, CELL.verdict, verdict);
    table.set(this.#worker, CELL.errno, errno);
    const loop = table.get(this.#worker, CELL.loop);
    if (this.#move(STATE.finishing, STATE.done)) table.wakeLoop(loop);
    else this.drop();
  }

  /** The outcome does not matter any more. */
  drop(): void {
    // It may have been given, and never taken.
    if (this.#table.generation(this.#worker) === this.#generation) {
      this.#table.closeLent(this.#worker);
    }
    if (this.#move(STATE.orphaned, STATE.idle)) this.#table.offer();
  }

  #move(from: number, to: number): boolean {
    return this.#table.move(this.#worker, from, to, this.#generation);
  }

  /** The connection as the handler sees it, with the bytes that it brings along. */
  #socket(): Socket {
    const table = this.#table;
    const socket = Socket.fromFd(
      table.get(this.#worker, CELL.fd),
      table.peer(this.#worker),
    );
    const bytes = table.read(this.#worker);
    if (bytes.length > 0) socket.unread(bytes);
    const detach = socket.detach.bind(socket);
    // `close` calls it, too. If this thread dies, it is known whether the descriptor is open.
    socket.detach = () => {
      if (socket.fileno() >= 0) table.set(this.#worker, CELL.fd, -1);
      return detach();
    };
    this.#count(socket);
    return socket;
  }

  /** Counts for the statistics, at the two methods that all others receive and send by. */
  #count(socket: Socket): void {
    const [recv, send] = [socket.recv.bind(socket), socket.send.bind(socket)];
    const unread = socket.unread.bind(socket);
    this.#received = this.#sent = 0;
    socket.recv = (buffer) => {
      const received = recv(buffer);
      if (received > 0) this.#received += received;
      return received;
    };
    socket.unread = (bytes) => {
      unread(bytes);
      this.#received -= bytes.byteLength;
    };
    socket.send = (buffer, offset, length) => {
      const sent = send(buffer, offset, length);
      if (sent > 0) this.#sent += sent;
      return sent;
    };
  }
}

/** Anything can be thrown, also what throws itself when it is looked at. */
function errnoOf(error: unknown): number {
  try {
    const { errno } = error as OSError;
    return Number.isInteger(errno) ? errno : 0;
  } catch {
    return 0;
  }
}

/** The error, and the first place in the source that it names. */
function describe(error: unknown): string {
  try {
    return error instanceof Error ? describeError(error) : `it threw ${textOf(error)}`;
  } catch {
    return "it threw what can't be looked at";
  }
}

function describeError(error: Error): string {
  const place = /\(?((?:file:\/\/|\/|[A-Z]:\\)[^\s()]*:\d+:\d+)\)?/.exec(error.stack ?? "")?.[1];
  const isSystem = (error as OSError).errno !== undefined;
  return `${error.name === "OSError" ? "" : `${error.name}: `}${error.message}` +
    (place && !isSystem ? ` (${place})` : "");
}
