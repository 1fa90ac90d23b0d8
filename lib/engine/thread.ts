/** A thread as its owner sees it. */

/** The part of a Worker (node:worker_threads) that serve and stress use. */
export interface Thread {
  on(event: "message", listener: (message: any) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "exit", listener: (code: number) => void): unknown;
  /** Ends it from outside; on Node that waits for as long as the thread sits in a system call. */
  terminate(): Promise<unknown>;
}
