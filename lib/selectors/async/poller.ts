/**
 * Blocks in poll(2) elsewhere while this thread is free, and says when something is ready.
 *
 * One for each thread that calls `selectAsync`, made with the first call. While nothing is watched it does
 * nothing; while something is, one poll(2) without a timeout is under way, so an idle wait costs nothing.
 */
import { openElsewhere, openSource } from "../../sys/ffi.ts";
import { POLLFD } from "../../sys/poll.ts";
import { LIBC, system } from "../../sys/system.ts";
import { pollBits } from "../poll_bits.ts";
import { EVENT_READ } from "../selector.ts";
import { wake, Waker } from "../waker.ts";

const { Worker } = process.getBuiltinModule("node:worker_threads");

/** Descriptors that are polled for somebody, until one is ready once. */
export interface Watch {
  /** Polls these from now on, also after it has called back: pairs of a descriptor and EVENT_* bits. */
  update(pairs: readonly number[]): void;
  /** Polls no longer, and does not call back any more. */
  cancel(): void;
}

/** A pollfd array, blocked on by another thread; settled when poll has returned. */
type BlockingPoll = (list: Uint8Array, count: number) => Promise<unknown>;

const SYMBOL = system === "windows" ? "WSAPoll" : "poll";
const FOREVER = -1;

/** Where the runtime itself has threads for calls that block (Deno): starting a Worker takes longer. */
function throughRuntime(): BlockingPoll | undefined {
  const table = { [SYMBOL]: { args: ["buffer", "i32", "i32"], result: "i32" } } as const;
  const poll = openElsewhere(LIBC, table)?.[SYMBOL];
  return poll && ((list, count) => poll(list, count, FOREVER));
}

/**
 * A Worker that polls what it is sent. Its program is text and has no module of its own, because a file
 * next to this one is not to be found from within a compiled program.
 */
function throughWorker(): BlockingPoll {
  const program = `
    const { parentPort } = process.getBuiltinModule("node:worker_threads");
    const c = ${openSource(LIBC, { [SYMBOL]: ["buffer", "i32", "i32"] })};
    parentPort.on("message", ([list, count]) => {
      c.${SYMBOL}(list, count, ${FOREVER});
      parentPort.postMessage(0);
    });`;
  const worker = new Worker(program, { eval: true });
  let done = () => {};
  worker.on("message", () => done());
  worker.unref(); // a wait has a timer, which keeps the process alive
  return (list, count) => {
    const polled = new Promise<void>((resolve) => done = resolve);
    worker.postMessage([list, count]);
    return polled;
  };
}

/** What polls for this thread. */
export class Poller {
  static #instance: Poller | undefined;

  /** The one that polls for this thread. */
  static ofThisThread(): Poller {
    return Poller.#instance ??= new Poller();
  }

  readonly #waker = new Waker();
  readonly #poll = throughRuntime() ?? throughWorker();
  /** What is polled for whom; nothing between a callback and the next `update`. */
  readonly #watched = new Map<() => void, readonly number[]>();
  #list = new DataView(new SharedArrayBuffer(64 * POLLFD.size));
  #polling = false;

  private constructor() {
    // A thread that sits in a system call would keep Node from ending.
    process.on("exit", () => wake(this.#waker.handle));
  }

  /** Polls, and calls back when one is ready. Each `callback` is a watch of its own. */
  watch(pairs: readonly number[], callback: () => void): Watch {
    const update = (wanted: readonly number[]) => {
      this.#watched.set(callback, wanted);
      this.#restart();
    };
    update(pairs);
    return {
      update,
      cancel: () => {
        if (this.#watched.delete(callback)) this.#restart();
      },
    };
  }

  /** Polls what is wanted now. A poll that is under way is ended for that. */
  #restart(): void {
    if (this.#polling) return wake(this.#waker.handle);
    if (this.#watched.size === 0) return;
    const asked = [...this.#watched];
    const pairs = [this.#waker.fileno(), EVENT_READ, ...asked.flatMap(([, pairs]) => pairs)];
    const { buffer } = this.#write(pairs);
    this.#polling = true;
    void this.#poll(new Uint8Array(buffer), pairs.length / 2).then(() => {
      this.#polling = false;
      this.#waker.drain();
      this.#answer(asked);
      this.#restart();
    });
  }

  #write(pairs: readonly number[]): DataView<SharedArrayBuffer> {
    const size = pairs.length / 2 * POLLFD.size;
    if (size > this.#list.byteLength) this.#list = new DataView(new SharedArrayBuffer(2 * size));
    const list = this.#list;
    for (let i = 0, at = 0; i < pairs.length; i += 2, at += POLLFD.size) {
      list.setInt32(at, pairs[i]!, true);
      list.setInt16(at + POLLFD.events, pollBits(pairs[i + 1]!), true);
      list.setInt16(at + POLLFD.revents, 0, true);
    }
    return list;
  }

  /** Calls back for those of whose descriptors one is ready, unless they have been changed meanwhile. */
  #answer(asked: readonly [callback: () => void, pairs: readonly number[]][]): void {
    let at = POLLFD.size; // the waker's own is the first
    for (const [callback, pairs] of asked) {
      let ready = false;
      for (let i = 0; i < pairs.length; i += 2, at += POLLFD.size) {
        ready ||= this.#list.getInt16(at + POLLFD.revents, true) !== 0;
      }
      if (!ready || this.#watched.get(callback) !== pairs) continue;
      this.#watched.delete(callback);
      callback();
    }
  }
}
