/**
 * What an engine counts, in memory that another thread can read at any time.
 *
 * One Float64Array: a slot per name, then a slot per error number. 64-bit stores are not torn on the
 * CPUs that the runtimes support, and each slot has one writer, so no further synchronisation is needed.
 */

/** Slots of the counters. */
export const COUNTER = {
  accepted: 0,
  closed: 1,
  rejected: 2,
  bytesIn: 3,
  bytesOut: 4,
  wakeups: 5,
  events: 6,
  spurious: 7,
  acceptPauses: 8,
  maxBuffered: 9,
  active: 10,
  /** New connections that a listener's `deny` has refused. */
  denied: 11,
  /** Connections that we closed with output still queued, or while handed over: they end by RST. */
  cut: 12,
  /** First slot that is free for the engine's user. */
  user: 16,
} as const;

const ERRORS = 32;
/** Error numbers of Unix and of TLS lie below this, Winsock's in as many from 10,000 on. */
const SPAN = 160;
const WINSOCK = 10_000;
/** Numbers beyond both spans are counted together, as this one. */
const OTHER = SPAN - 1;

/** Size in bytes of the memory of one set of counters. */
export const COUNTERS_BYTES = (ERRORS + 2 * SPAN) * 8;

/** Where an error is counted, from ERRORS on. */
function placeOf(errno: number): number {
  if (errno >= WINSOCK && errno < WINSOCK + SPAN) return errno - WINSOCK + SPAN;
  return errno >= 0 && errno < SPAN ? errno : OTHER;
}

/** A set of counters, over memory of its own or shared. */
export class Counters {
  readonly memory: ArrayBufferLike;
  /** The counters themselves, by `COUNTER`. */
  readonly slots: Float64Array;

  constructor(memory: ArrayBufferLike = new SharedArrayBuffer(COUNTERS_BYTES)) {
    this.memory = memory;
    this.slots = new Float64Array(memory);
  }

  /** Counts an error by its number, or takes one back that was cured. */
  countError(errno: number, count = 1): void {
    this.slots[ERRORS + placeOf(errno)]! += count;
  }

  /** The counted errors as [number, count]. */
  errors(): [errno: number, count: number][] {
    const found: [number, number][] = [];
    for (let place = 0; place < 2 * SPAN; place++) {
      const count = this.slots[ERRORS + place]!;
      if (count > 0) found.push([place < SPAN ? place : place - SPAN + WINSOCK, count]);
    }
    return found;
  }
}
