// Waits again and again for a time that nothing cuts short, and tells how late each wait ended: in a
// thread of its own, so that several selectors can be measured at once.
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { socketPair } from "../../lib/net/mod.ts";
import { createSelector, EVENT_READ, type SelectorName } from "../../lib/selectors/mod.ts";

export interface Waits {
  readonly name: SelectorName;
  readonly timeoutMs: number;
  readonly count: number;
}

/** How much later than asked for each wait ended, in milliseconds; negative when it was early. */
export function measureLateness({ name, timeoutMs, count }: Waits): Float64Array {
  using selector = createSelector(name);
  const [a, b] = socketPair();
  selector.register(a, EVENT_READ);
  const lateness = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    const ready = selector.select(timeoutMs);
    lateness[i] = performance.now() - start - timeoutMs;
    if (ready.length > 0) throw new Error(`${name}: something was ready`);
  }
  selector.unregister(a);
  a.close();
  b.close();
  return lateness;
}

if (!isMainThread && workerData?.timeoutMs) {
  parentPort!.postMessage(measureLateness(workerData as Waits));
}
