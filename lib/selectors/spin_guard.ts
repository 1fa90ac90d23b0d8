/**
 * Finds descriptors that are reported by wait after wait and never used: a forgotten interest in writing,
 * an end of stream that is not acted on, a listener that is not accepted from. Level-triggered readiness
 * makes a loop out of them that takes a whole CPU, without an error anywhere.
 *
 * A descriptor that was reported by many waits in a row is suspicious, no more: a busy one looks the same.
 * Of suspicious ones the system's own counts are compared, before and after their handlers were called.
 */
import { formatAddress, readAddress } from "../sys/socket/sockaddr.ts";
import { Usage } from "../sys/usage.ts";
import type { Registration } from "./backend.ts";
import { EVENT_READ, EVENT_WRITE, type SpinReport } from "./selector.ts";

/** Waits in a row that report a descriptor until it is looked at more closely. */
export const SUSPICIOUS = 1000;
/** Looks in a row that find nothing used, until `onSpin` is called. */
const LOOKS = 64;

/** A look at a descriptor before its handler is called. */
interface Look<T> {
  readonly registration: Registration;
  readonly events: number;
  readonly raw: number;
  readonly report: (report: SpinReport<T>) => void;
  readonly before: string;
}

export class SpinGuard<T> {
  /** Looks that wait for their second half. */
  #looks: Look<T>[] = [];
  readonly #idle = new Map<Registration, number>();
  readonly #usage = new Usage();

  /** Whether `settle` has something to do. */
  pending = false;

  /** A suspicious registration is about to be reported again. */
  suspect(
    registration: Registration,
    events: number,
    raw: number,
    report: (report: SpinReport<T>) => void,
  ): void {
    const before = this.#usage.of(registration.fd, events);
    if (before === undefined) {
      registration.streak = 0; // the system has no counts of it; asked again in a while
      return;
    }
    this.#looks.push({ registration, events, raw, report, before });
    this.pending = true;
  }

  /** The handlers have been called. */
  settle(): void {
    const looks = this.#looks;
    this.#looks = [];
    this.pending = false;
    for (const look of looks) this.#compare(look);
  }

  close(): void {
    this.#looks = [];
    this.#usage.close();
  }

  #compare({ registration, events, raw, report, before }: Look<T>): void {
    const { key, fd, live } = registration;
    const idle = (this.#idle.get(registration) ?? 0) + 1;
    if (!live || this.#usage.of(fd, events) !== before) {
      registration.streak = 0;
      this.#idle.delete(registration);
      this.#usage.forget(fd);
    } else if (idle < LOOKS) {
      this.#idle.set(registration, idle);
    } else {
      this.#idle.delete(registration);
      this.#usage.forget(fd);
      registration.streak = -(2 ** 30); // once is enough
      const waits = SUSPICIOUS + LOOKS;
      const address = readAddress("getpeername", fd);
      const peer = address && formatAddress(address);
      report({ key: key!, events, raw, peer, waits, message: describe(fd, events, peer, waits) });
    }
  }
}

function describe(fd: number, events: number, peer: string | undefined, waits: number): string {
  const what = events === EVENT_READ
    ? "readable"
    : events === EVENT_WRITE
    ? "writable"
    : "readable and writable";
  const todo = events === EVENT_READ
    ? "read until it would block, act on the end of the stream, or unregister it"
    : "ask for EVENT_WRITE only while there is something to send, and unregister what has ended";
  return `Descriptor ${fd}${
    peer === undefined ? "" : ` (connected to ${peer})`
  } was reported ${what} ` +
    `in ${waits} waits in a row and never used: the loop burns a processor; ${todo}`;
}
