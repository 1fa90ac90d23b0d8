/** The calling thread: whether signals reach it. */

/**
 * True on the main thread. Signal handlers of JavaScript run there only, so a wait that a signal
 * interrupts must end on this thread, and may go on in a Worker.
 */
export const isMainThread: boolean = process.getBuiltinModule("node:worker_threads").isMainThread;
