/**
 * A thread that blocks in poll(2) for another one, and tells it when something is ready.
 *
 * One for each thread that calls `selectAsync`, made with the first call. While nobody waits it sits in
 * its event loop; while somebody does, in poll(2) without a timeout, so an idle wait costs nothing.
 */
import { POLLIN, POLLOUT, POLLPRI } from "../../sys/constants.ts";
import { openSource } from "../../sys/ffi.ts";
import { POLLFD } from "../../sys/poll.ts";
import { LIBC, system } from "../../sys/system.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "../selector.ts";
import { wake, Waker } from "../waker.ts";

const { MessageChannel, Worker } = process.getBuiltinModule("node:worker_threads");

/** Descriptors that are polled for somebody, until one is ready once. */
export interface Watch {
  /** Polls these from now on, also after it has called back. */
  update(pairs: number[]): void;
  /** Polls no longer, and does not call back any more. */
  cancel(): void;
}

const TABLE = {
  linux: { poll: ["buffer", "i32", "i32"], read: ["i32", "buffer", "i32"] },
  windows: { WSAPoll: ["buffer", "i32", "i32"], recv: ["i32", "buffer", "i32", "i32"] },
  unix: { poll: ["buffer", "i32", "i32"], recv: ["i32", "buffer", "i32", "i32"] },
} as const;

/**
 * The thread's whole program, as text: it has no module of its own, because a file next to this one is
 * not to be found from within a compiled program. [id, descriptors and bits] replaces what is polled
 * for an id, [id] alone ends it; the answer is the id, after which it is no longer polled.
 */
const PROGRAM = `
const { parentPort, receiveMessageOnPort, workerData } = process.getBuiltinModule("node:worker_threads");
const { port, stop, wakeFd } = workerData;
const { size, events, revents } = ${JSON.stringify(POLLFD)};
const c = ${openSource(LIBC, system in TABLE ? TABLE[system as "linux"] : TABLE.unix)};
const poll = c.poll ?? c.WSAPoll;
const drained = new Uint8Array(new ArrayBuffer(64));
const drain = () => c.read ? c.read(wakeFd, drained, 8) : c.recv(wakeFd, drained, 64, 0);
const watched = new Map();
let list;
const take = (message) => message[1] ? watched.set(message[0], message[1]) : watched.delete(message[0]);
function build() {
  const pairs = [wakeFd, ${POLLIN}];
  for (const more of watched.values()) for (const number of more) pairs.push(number);
  list = new DataView(new ArrayBuffer(pairs.length / 2 * size));
  for (let i = 0; i < pairs.length; i += 2) {
    list.setInt32(i / 2 * size, pairs[i], true);
    list.setInt16(i / 2 * size + events, pairs[i + 1], true);
  }
}
function answer() {
  let at = 1;
  for (const [id, pairs] of watched) {
    let ready = false;
    for (let i = 0; i < pairs.length; i += 2) ready = list.getInt16(at++ * size + revents, true) !== 0 || ready;
    if (!ready) continue;
    watched.delete(id);
    parentPort.postMessage(id);
  }
}
port.on("message", (message) => {
  take(message);
  while (watched.size > 0 && Atomics.load(stop, 0) === 0) {
    build();
    poll(new Uint8Array(list.buffer), list.byteLength / size, -1);
    drain();
    answer();
    for (let next; (next = receiveMessageOnPort(port)) !== undefined;) take(next.message);
  }
});
`;

const POLL_BITS = [[EVENT_READ, POLLIN], [EVENT_WRITE, POLLOUT], [
  EVENT_PRIORITY,
  POLLPRI,
]] as const;

/** The thread of this thread. */
export class PollThread {
  static #instance: PollThread | undefined;

  /** The one thread that polls for this one. */
  static ofThisThread(): PollThread {
    return PollThread.#instance ??= new PollThread();
  }

  readonly #waker = new Waker();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #callbacks = new Map<number, () => void>();
  readonly #port;
  #ids = 0;

  private constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: { port: port2, stop: this.#stop, wakeFd: this.#waker.fileno() },
      transferList: [port2],
    });
    worker.on("message", (id: number) => this.#callbacks.get(id)?.());
    worker.unref(); // whoever waits has a timer, which keeps the process alive
    // A thread that sits in a system call would keep Node from ending.
    process.on("exit", () => {
      Atomics.store(this.#stop, 0, 1);
      wake(this.#waker.handle);
    });
  }

  /** Polls pairs of a descriptor and EVENT_* bits, and calls back when one is ready. */
  watch(pairs: number[], callback: () => void): Watch {
    const id = ++this.#ids;
    this.#callbacks.set(id, callback);
    const update = (wanted: number[]) => {
      this.#post([id, wanted.map((value, i) => i % 2 === 0 ? value : pollBits(value))]);
    };
    update(pairs);
    return {
      update,
      cancel: () => {
        this.#callbacks.delete(id);
        this.#post([id]);
      },
    };
  }

  #post(message: [id: number, pairs?: number[]]): void {
    this.#port.postMessage(message);
    wake(this.#waker.handle);
  }
}

const pollBits = (events: number): number =>
  POLL_BITS.reduce((bits, [event, bit]) => events & event ? bits | bit : bits, 0);
