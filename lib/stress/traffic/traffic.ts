/** What goes out and what must come back, for all connections of a thread. */
import type { Mismatch } from "../../result/result.ts";

/** Follows the replies that one connection receives. */
export interface Replies {
  /**
   * Takes the next bytes, when `sent` messages have been sent on this connection. Returns how many replies
   * are complete that were not before. Look at `broken` afterwards.
   */
  take(bytes: Uint8Array, sent: number): number;
  /** Something was wrong. What arrives from now on is evidence. */
  readonly broken: boolean;
  /** There is enough evidence to classify the mismatch without waiting for more. */
  readonly conclusive: boolean;
  /** Bytes of reply `i` of the `complete` ones that `take` has just returned. */
  lengthOf(i: number, complete: number): number;
  /** The last bytes ended in the middle of a reply: an end of the stream here cuts it short. */
  readonly partial: boolean;
  /**
   * The first reply has come before any message was sent, as a server's greeting can: when one is sent,
   * `take` with no bytes completes it.
   */
  readonly early?: boolean;
  /** Bytes of a reply that is not complete, for the message about one that never is. */
  readonly unmatched: number;
  /** The HTTP status of reply `i` of those that `take` has just completed, if it is an error; else 0. */
  refusal?(i: number): number;
  /** The last reply said that the server closes the connection after it. */
  readonly closing?: boolean;
  /** The peer has ended its stream: completes a reply that ends there, and returns as `take`. */
  finish?(sent: number): number;
  /** What went wrong at the first wrong byte, when `sent` messages have been sent on this connection. */
  mismatch(sent: number): Mismatch;
  /** The peer ended its stream in the middle of a reply. */
  truncation(sent: number): Mismatch;
}

/** Makes messages, and what follows their replies. */
export interface Traffic {
  /**
   * The bytes of `count` messages of a connection, from its message number `first` on. They are lent
   * until the next call.
   */
  messages(connection: number, first: number, count: number): Uint8Array;
  /**
   * Follows the replies of a connection whose next message is number `first`. After a reconnect a
   * connection keeps its number and goes on counting, so that what an earlier one has left behind is
   * recognized as foreign to it.
   */
  replies(connection: number, first: number): Replies;
}
