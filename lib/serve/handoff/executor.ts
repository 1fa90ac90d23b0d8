/** Where connections are handed to: what handler workers and child processes have in common. */
import type { Released } from "../../engine/mod.ts";

/** A connection that is out of the loop. */
export interface Lease extends Released {
  /** Which connection of the server it is. */
  readonly connection: number;
  /** How often it was handed over, this time included. */
  readonly handoff: number;
  readonly peer: string;
  readonly worker: number;
}

export type Outcome =
  /**
   * It comes back, with bytes that were received and belong to the next turn. `taken` is how many bytes
   * are gone for good; undefined when it may be none.
   */
  | { readonly kind: "keep"; readonly bytes: Uint8Array; readonly taken: number | undefined }
  | { readonly kind: "close" }
  /**
   * Only this connection is closed. `errno` is that of a system call that failed, or 0. What has `died` may have been
   * in the middle of an answer.
   */
  | {
    readonly kind: "failed";
    readonly message: string;
    readonly errno: number;
    readonly died?: boolean;
  }
  /** The worker has ended before it took the connection. */
  | { readonly kind: "untouched" };

/** The part of the handoff that differs: handler workers, or programs. */
export interface Executor {
  /** Whether an end of the stream that has not been acted on is worth another call. */
  readonly seesEnd: boolean;
  /** Other processes may go on holding a connection that has come back. */
  readonly shares: boolean;
  /** A worker that is free and waits for `start`; undefined when there is none for this loop now. */
  claim(): number | undefined;
  /** Makes a connection blocking and hands it over; returns how it ended when it could not even start. */
  start(lease: Lease): Outcome | undefined;
  /** Calls back for each connection that has come back since the last time. */
  collect(finished: (lease: Lease, outcome: Outcome) => void): void;
  /** The outcome of this one does not matter any more. */
  abandon(lease: Lease): void;
  /** The loop ends: nothing may be left running that it has started. */
  close(): void;
  /** A position in the queue of all loops for a free worker. */
  nextTicket(): number;
  /** Says since when a connection waits here, by a ticket; 0 for none. */
  waiting(ticket: number): void;
}
