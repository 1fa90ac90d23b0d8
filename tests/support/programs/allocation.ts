// Measures what waits allocate: [selector's name, "dispatch" or "select"]. Prints the number of events
// and, where the runtime counts as it allocates (V8), the bytes that each adds to those of the wait
// itself (Node's FFI makes objects of its own for a call); JavaScriptCore only counts when it collects
// garbage, so there the lines that BUN_JSC_logGC=1 writes between the marks tell.
import { writeSync } from "node:fs";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";
import { socketPair } from "../../../lib/net/mod.ts";

const [, , name, how] = process.argv;
const FEW = 10, MANY = 100;
const selector = createSelector<number>(name as SelectorName);
function watch(more: number): void {
  for (let i = 0; i < more; i++) {
    const [a, b] = socketPair();
    selector.register(a, EVENT_READ, i);
    b.send(Uint8Array.of(1));
  }
}
let events = 0;
const count = () => void events++;
const wait = how === "dispatch"
  ? () => void selector.dispatch(1000, count)
  : () => void (events += selector.select(1000).length);

/** The bytes that were allocated meanwhile: where the heap shrinks, garbage was collected. */
function allocated(waits: number): number {
  let bytes = 0;
  for (let i = 0, last = process.memoryUsage().heapUsed; i < waits; i++) {
    wait();
    if (i % 50 !== 49) continue;
    const now = process.memoryUsage().heapUsed;
    if (now > last) bytes += now - last;
    last = now;
  }
  return bytes;
}

/** The least of several rounds: compiling and the runtime's own housekeeping allocate as well. */
const WAITS = 2000;
const least = () => Math.min(...Array.from({ length: 3 }, () => allocated(WAITS)));

selector.onSpin = () => {}; // this is a handler that never reads
watch(FEW);
allocated(WAITS); // until everything is compiled
const few = least();
watch(MANY - FEW);
allocated(1000);
events = 0;
writeSync(2, "BEGIN\n");
const many = least();
writeSync(2, "END\n");
const bytesPerEvent = (many - few) / (WAITS * (MANY - FEW));
writeSync(1, `${JSON.stringify({ events, bytesPerEvent })}\n`);
process.exit(0);
