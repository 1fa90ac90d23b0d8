/** Who is called back by the core: it knows neither streams nor listeners. */

/** Awaits completions. */
export interface Target {
  /** A completion of any kind but `send`. */
  complete(kind: number, result: number, flags: number): void;
  /** A send fell short: `result` bytes of `bytes` went out, or it is -errno. `bytes` are lent. */
  fellShort?(result: number, bytes: Uint8Array): void;
}

/** Waits until something can be sent. */
export interface Writer {
  /** Called once. */
  sendable(): void;
}

/** Waiting until more can be sent to a peer that has ended: see writers.ts. */
export interface Writers {
  add(fd: number, writer: Writer): void;
  remove(fd: number): void;
  close(): void;
}
