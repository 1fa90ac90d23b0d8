/** The clock of `performance.now()`, read as fast as the runtime can. */
import { Native, open, type Signature } from "./ffi.ts";
import { runtime } from "./runtime.ts";
import { LIBC, system } from "./system.ts";

const CLOCK = {
  clock_gettime: { args: ["i32", "pointer"], result: "i32" },
} as const satisfies Record<string, Signature>;
const CLOCK_MONOTONIC = 1;
const TRIES = 100;

/**
 * Milliseconds, as `performance.now()` counts them. On Bun and Linux that reads this very clock
 * (clock_gettime(2), CLOCK_MONOTONIC), but a call of C costs less there than one of the runtime's own.
 */
export const now: () => number = system === "linux" && runtime === "bun"
  ? direct()
  : () => performance.now();

function direct(): () => number {
  const { clock_gettime } = open(LIBC, CLOCK);
  const time = new Native(16);
  const { int32: words, pointer } = time;
  const read = () => {
    clock_gettime(CLOCK_MONOTONIC, pointer);
    return words[0]! * 1000 + words[2]! * 1e-6; // a struct timespec; seconds since the system's start
  };
  // Between two readings of the other clock; of many tries the quickest, as a thread can lose its CPU.
  let quickest = Infinity, offset = 0;
  for (let i = 0; i < TRIES; i++) {
    const before = performance.now();
    const time = read();
    const after = performance.now();
    if (after - before >= quickest) continue;
    quickest = after - before;
    offset = (before + after) / 2 - time;
  }
  return () => {
    clock_gettime(CLOCK_MONOTONIC, pointer);
    return words[0]! * 1000 + words[2]! * 1e-6 + offset;
  };
}
