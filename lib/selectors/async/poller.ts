/**
 * Blocks in poll(2) elsewhere while this thread is free, and says when something is ready.
 *
 * One for each thread that calls `selectAsync`, made with the first call. While nothing is watched it does
 * nothing; while something is, one poll(2) without a timeout is under way, so an idle wait costs nothing.
 */
import { openElsewhere, openSource } from "../../sys/ffi.ts";
import { POLLFD } from "../../sys/poll.ts";
import { isMainThread } from "../../sys/runtime.ts";
import { LIBC, system } from "../../sys/system.ts";
import { pollBits } from "../poll/bits.ts";
import { EVENT_READ } from "../selector.ts";
import { wake, Waker } from "../waker.ts";

/** Something is ready; or the poll has failed, and is over. */
type Callback = (failure?: unknown) => void;

/** Descriptors that are polled for one wait, until one is ready once. */
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

/** What this file needs of a Worker. */
interface PollWorker {
  onmessage: (() => void) | null;
  /** It could not start, as no descriptor was left for it. */
  onerror: ((failure: unknown) => void) | null;
  postMessage(message: unknown): void;
  /** Does not keep the process alive: a wait has a timer for that. */
  unref(): void;
}

/** As text: a file next to this one is not to be found from within a compiled program. */
const LIBRARY = () => openSource(LIBC, { [SYMBOL]: ["buffer", "i32", "i32"] });

/** A Worker of the web, where the runtime has it: on Bun it starts in a tenth of the other's time. */
function webWorker(): PollWorker | undefined {
  const { Worker } = globalThis as unknown as { Worker?: new (url: string) => PollWorker };
  if (!Worker) return undefined;
  const program = `const c = ${LIBRARY()};
    onmessage = ({ data: [list, count] }) => {
      c.${SYMBOL}(list, count, ${FOREVER});
      postMessage(0);
    };`;
  const url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  return new Worker(url);
}

/** Node ends a Worker only when its own have ended, which a call without end would keep them from. */
const SLICE_MS = 250;

function nodeWorker(): PollWorker {
  const longest = isMainThread ? FOREVER : SLICE_MS;
  const program = `const { parentPort } = process.getBuiltinModule("node:worker_threads");
    const c = ${LIBRARY()};
    parentPort.on("message", ([list, count]) => {
      while (c.${SYMBOL}(list, count, ${longest}) === 0);
      parentPort.postMessage(0);
    });`;
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const worker = new Worker(program, { eval: true });
  const wrapped: PollWorker = {
    onmessage: null,
    onerror: null,
    postMessage: (message) => worker.postMessage(message),
    unref: () => worker.unref(),
  };
  worker.on("message", () => wrapped.onmessage?.());
  worker.on("error", (failure) => wrapped.onerror?.(failure));
  return wrapped;
}

function throughWorker(): BlockingPoll {
  const worker = webWorker() ?? nodeWorker();
  worker.unref();
  return (list, count) =>
    new Promise<void>((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = reject;
      worker.postMessage([list, count]);
    });
}

/** What polls for this thread. */
export class Poller {
  static #instance: Poller | undefined;

  static ofThisThread(): Poller {
    return Poller.#instance ??= new Poller();
  }

  readonly #waker = new Waker();
  readonly #poll = throughRuntime() ?? throughWorker();
  /** What is polled for whom; nothing between a callback and the next `update`. */
  readonly #watched = new Map<Callback, readonly number[]>();
  #list = new DataView(new SharedArrayBuffer(64 * POLLFD.size));
  #polling = false;

  private constructor() {
    process.on("exit", this.#end);
  }

  readonly #wake = () => wake(this.#waker.handle);

  /** This thread ends: one that sits in a system call would keep Node from ending. */
  readonly #end = () => {
    this.#wake();
    this.#waker.close();
  };

  /** Polls, and calls back when one is ready. Each `callback` is a watch of its own. */
  watch(pairs: readonly number[], callback: Callback): Watch {
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
    if (this.#polling) return this.#wake();
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
    }, (failure) => this.#fail(failure));
  }

  /** Ends all waits with an error; the next one tries with another thread. */
  #fail(failure: unknown): void {
    Poller.#instance = undefined;
    process.off("exit", this.#end);
    this.#waker.close();
    for (const callback of [...this.#watched.keys()]) callback(failure);
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
  #answer(asked: readonly [Callback, readonly number[]][]): void {
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
