/**
 * Several addresses of one name, tried at the same time: "happy eyeballs", RFC 8305.
 *
 * An attempt begins 250 ms after the one before it, or as soon as that has failed; the first that is
 * connected wins, and the others are closed. So an address that does not answer costs 250 ms, and not
 * the whole timeout.
 */
import { POLLOUT } from "../sys/constants.ts";
import { pollFor } from "../sys/poll.ts";
import { lateFor } from "./connect.ts";

/** The delay between attempts that RFC 8305, section 8, recommends. */
const ATTEMPT_DELAY_MS = 250;

/** What this machine says of an address to which it has no way: any answer of a host tells more. */
const UNREACHED = new Set([
  ...["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"],
]);

/** What is tried: a socket that is connecting. */
export interface Attempt {
  fileno(): number;
  /** As `Socket.waitConnected`. */
  waitConnected(timeoutMs: number): boolean;
  close(): void;
}

/**
 * The attempts to connect to one name. It never waits: its owner watches `attempts` for writing, and calls
 * `advance` when one of them is ready or `delayMs` has passed. `dial` does so with timers, `Socket.connect`
 * with poll(2), and a loop of its own with its selector.
 */
export class Race<A extends Attempt> {
  readonly #waiting: string[];
  readonly #begin: (address: string) => A;
  readonly #going = new Set<A>();
  #nextAt = 0;
  /** The most telling of the errors so far. */
  #failure: unknown;

  /** `begin` makes a socket that is connecting to an address, or throws when that fails at once. */
  constructor(addresses: readonly string[], begin: (address: string) => A) {
    this.#waiting = interleaved(addresses);
    this.#begin = begin;
  }

  /** Those that have begun and not ended, to be watched for writing. */
  get attempts(): readonly A[] {
    return [...this.#going];
  }

  /** Milliseconds until the next attempt is due; Infinity when there is none. */
  get delayMs(): number {
    if (this.#waiting.length === 0) return Infinity;
    return Math.max(0, this.#nextAt - performance.now());
  }

  /**
   * Looks how the attempts do, and begins those that are due. Returns the one that is connected, which is
   * the caller's from then on, or undefined while none is.
   *
   * @throws the error of the last address that was reached, or of the last, when all have failed; RangeError
   * when there was none
   */
  advance(): A | undefined {
    for (const attempt of this.#going) {
      if (this.#isConnected(attempt)) return this.#won(attempt);
    }
    while (this.#waiting.length > 0 && (this.#going.size === 0 || this.delayMs === 0)) {
      this.#nextAt = performance.now() + ATTEMPT_DELAY_MS;
      const attempt = this.#start(this.#waiting.shift()!);
      if (attempt && this.#isConnected(attempt)) return this.#won(attempt);
    }
    if (this.#going.size > 0) return undefined;
    throw this.#failure ?? new RangeError("Cannot connect: there is no address to try");
  }

  #start(address: string): A | undefined {
    try {
      const attempt = this.#begin(address);
      this.#going.add(attempt);
      return attempt;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #isConnected(attempt: A): boolean {
    try {
      return attempt.waitConnected(0);
    } catch (error) {
      this.#failed(error);
      this.#going.delete(attempt);
      attempt.close();
      this.#nextAt = 0; // the next is due at once
      return false;
    }
  }

  #failed(error: unknown): void {
    const isUnreached = (failure: unknown) => UNREACHED.has((failure as { code?: string }).code!);
    if (this.#failure !== undefined && isUnreached(error) && !isUnreached(this.#failure)) return;
    this.#failure = error;
  }

  #won(attempt: A): A {
    this.#going.delete(attempt);
    this.close();
    return attempt;
  }

  /** The first attempt that goes on, without waiting for it: the caller's from then on. */
  take(): A {
    const [first] = this.#going;
    return this.#won(first!);
  }

  /** Gives up all attempts that go on. */
  close(): void {
    this.#waiting.length = 0;
    for (const attempt of this.#going) attempt.close();
    this.#going.clear();
  }
}

/** Families in turn, beginning with that of the first address (RFC 8305, section 4). */
export function interleaved(addresses: readonly string[]): string[] {
  const isV6 = (address: string) => address.includes(":");
  const first = addresses.filter((a) => isV6(a) === isV6(addresses[0]!));
  const other = addresses.filter((a) => isV6(a) !== isV6(addresses[0]!));
  const longest = Math.max(first.length, other.length);
  return Array.from({ length: longest }, (_, i) => [first[i], other[i]])
    .flat().filter((address) => address !== undefined);
}

/** How long one of several attempts is waited for before the next is looked at. */
const SLICE_MS = 10;

/** Waits for a race to `name`, with the thread blocked. @throws OSError, ETIMEDOUT after `timeoutMs` */
export function finishRace<A extends Attempt>(race: Race<A>, name: string, timeoutMs: number): A {
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const socket = race.advance();
      if (socket) return socket;
      const left = deadline - performance.now();
      if (left <= 0) throw lateFor(name, timeoutMs);
      const { attempts } = race;
      const most = attempts.length > 1 ? SLICE_MS / attempts.length : Infinity;
      const ms = Math.max(0, Math.min(left, race.delayMs, most));
      for (const attempt of attempts) pollFor(attempt.fileno(), POLLOUT, ms);
    }
  } finally {
    race.close();
  }
}
