/** Follows one reply to its end, in whatever pieces it comes. */
export interface Scanner {
  /** Takes bytes from `at` on; returns where the reply ends, where it is wrong, or where the bytes end. */
  scan(bytes: Uint8Array, at: number): number;
  readonly done: boolean;
  /** What begins at the place that `scan` returned can't be part of a reply. */
  readonly wrong: boolean;
  /** Bytes before that place that are wrong with it, as they came in an earlier piece. */
  readonly before?: Uint8Array | undefined;
  /** Bytes that must follow, as far as that is known. */
  readonly required?: Uint8Array;
  /** The reply's status, of HTTP. */
  readonly status?: number;
  /** No other reply comes on this connection: the server closes it. */
  readonly closes?: boolean;
  /** The reply is complete if the connection ends here. */
  readonly untilClose?: boolean;
  reset(): void;
}
