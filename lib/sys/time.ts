/** Lengths of time as system calls take them: struct timespec and struct timeval. */
import { Native, NULL, type Pointer } from "./ffi.ts";
import { on } from "./system.ts";

/** A struct timespec (two 64-bit fields), filled from milliseconds, rounded up to whole nanoseconds. */
export class Timespec {
  readonly #memory = new Native(16);

  /** Sets the time and returns the address to pass on. `Infinity` becomes the null pointer. */
  set(ms: number): Pointer {
    if (ms === Infinity) return NULL;
    // 2^31 seconds is the most that every system takes; callers wait again when it has passed.
    const nanoseconds = Math.ceil(Math.min(ms, 2 ** 31 * 1000 - 1000) * 1e6);
    const seconds = Math.floor(nanoseconds / 1e9);
    this.#memory.int32[0] = seconds;
    this.#memory.int32[2] = nanoseconds - seconds * 1e9;
    return this.#memory.pointer;
  }
}

/** struct timeval: where the microseconds are, in units of 32 bits, after the seconds at 0. */
const MICROSECONDS: number = on(2, 2, 2, 1);
/** The longest that every system takes: 24 days where milliseconds are counted in an int. */
const LONGEST_MS: number = on(0x7fffffff * 1000, 0x7fffffff, 0x7fffffff, 0x7fffffff);

/** A struct timeval for select, filled from milliseconds, rounded up to whole microseconds. */
export class Timeval {
  readonly #memory = new Native(16);

  /** Sets the time and returns the address to pass on. `Infinity` becomes the null pointer. */
  set(ms: number): Pointer {
    if (ms === Infinity) return NULL;
    const microseconds = Math.ceil(Math.min(ms, LONGEST_MS) * 1000);
    const seconds = Math.floor(microseconds / 1e6);
    this.#memory.int32[0] = seconds;
    this.#memory.int32[MICROSECONDS] = microseconds - seconds * 1e6;
    return this.#memory.pointer;
  }
}
