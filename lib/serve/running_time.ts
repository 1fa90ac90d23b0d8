/** Timers that judge other threads and programs. */
import type { Engine, Timer } from "../engine/mod.ts";

/** They have so long for what has arrived just now: an engine's turn is over sooner than theirs begins. */
const LOOK_MS = 50;

/**
 * As `engine.after`, a little later, and by as much as the loop itself is late (twice the time at most): a
 * process that stood still (SIGSTOP, a machine that was suspended) had no time, and neither had its threads.
 */
export function afterRunning(
  engine: Engine,
  ms: number,
  callback: () => void,
): Pick<Timer, "cancel"> {
  let timer = engine.after(ms, () => {
    const lateMs = performance.now() - timer.due;
    timer = engine.after(Math.max(LOOK_MS, Math.min(lateMs, ms)), callback);
  });
  return { cancel: () => timer.cancel() };
}
