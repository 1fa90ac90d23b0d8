/** Where connections are handed to: what handler workers and child processes have in common. */
import type { Released } from "../../engine/mod.ts";

/** A connection that is out of the loop. */
export interface Lease extends Released {
  /** Which connection of the server it is. */
  readonly connection: number;
  /** How often it was handed over, this time included. */
  readonly handoff: number;
  readonly peer: string;
  /** Who has it. */
  readonly worker: number;
}

/** What has become of it. */
export type Outcome =
  /**
   * It comes back, with bytes that were received and belong to the next turn. `taken` is how many bytes
   * are gone for good; undefined when it may be none.
   */
  | { readonly kind: "keep"; readonly bytes: Uint8Array; readonly taken: number | undefined }
  | { readonly kind: "close" }
  /** Only this connection is closed. `errno` is that of a system call that failed, or 0. */
  | { readonly kind: "failed"; readonly message: string; readonly errno: number }
  /** Whoever was to have it has ended before. */
  | { readonly kind: "untouched" };

/** The part of the handoff that differs: who does the work. */
export interface Executor {
  /** Whether an end of the stream that nobody has acted on is worth another call. */
  readonly seesEnd: boolean;
  /** A worker that is free and waits for `begin`; undefined when there is none for this loop now. */
  claim(): number | undefined;
  /** Hands a connection over, in blocking mode; returns how it ended when it could not even begin. */
  begin(lease: Lease): Outcome | undefined;
  /** Tells of everything that has ended since the last time. */
  collect(finished: (lease: Lease, outcome: Outcome) => void): void;
  /** Nobody waits for this one any more. */
  abandon(lease: Lease): void;
  /** The loop ends: nothing may be left running that it has started. */
  close(): void;
  /** A place in the order of waiting among all loops. */
  nextTicket(): number;
  /** Says since when somebody waits here, by a ticket; 0 for nobody. */
  waiting(ticket: number): void;
}
