/** The calling thread: whether signals reach it. */
import { isMainThread } from "../runtime.ts";

/** How long after the announcement an interruption still comes, with a wide margin: usually 10 ms. */
const LATE_MS = 200;
let announced = 0;
let until = 0;

/**
 * Says that the kernel will interrupt this thread once, soon and without a signal: what it has left to
 * do of a closed io_uring is done in this thread, and a wait that is going on then ends with EINTR.
 */
export function announceInterruption(): void {
  announced++;
  until = performance.now() + LATE_MS;
}

/** Whether an interruption is for JavaScript: handlers of signals run on the main thread. */
export const mayBeSignal = (): boolean => isMainThread && !isAnnounced();

/** Whether an interruption is one that was announced, and means nothing. */
function isAnnounced(): boolean {
  if (announced === 0) return false;
  announced = performance.now() < until ? announced - 1 : 0;
  return performance.now() < until;
}
