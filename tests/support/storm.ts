// Signals in programs under test: counting those that a handler was called for, and a storm of SIGALRM.
import { Native, open } from "../../lib/sys/ffi.ts";
import { LIBC } from "../../lib/sys/system.ts";

const ITIMER_REAL = 0;

/** A turn of the runtime's loop, in which its signal handlers run. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export const rest = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Counts how often the handler of a signal runs; ready once the runtime has installed it. */
export async function countSignals(name: NodeJS.Signals): Promise<() => number> {
  let count = 0;
  process.on(name, () => count++);
  await rest(60); // Deno installs the handler in a later turn
  return () => count;
}

/** SIGALRM for this process every `ms` milliseconds, by setitimer(2), until `stop` is called. */
export class Storm {
  readonly #c = open(LIBC, {
    setitimer: { args: ["i32", "pointer", "pointer"], result: "i32" }, // which, new, old
  });
  readonly #timer = new Native(32);
  readonly #old = new Native(32);
  /** How often a handler was called. */
  readonly handled: () => number;

  private constructor(handled: () => number) {
    this.handled = handled;
  }

  static async start(ms: number): Promise<Storm> {
    const storm = new Storm(await countSignals("SIGALRM"));
    storm.#set(ms * 1000);
    return storm;
  }

  stop(): void {
    this.#set(0);
  }

  /** struct itimerval { interval, value }, each of seconds and microseconds. */
  #set(microseconds: number): void {
    this.#timer.int32[2] = this.#timer.int32[6] = microseconds;
    this.#c.setitimer(ITIMER_REAL, this.#timer.pointer, this.#old.pointer);
  }
}
