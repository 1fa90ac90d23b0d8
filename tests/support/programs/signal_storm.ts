// Waits on the main thread during a storm of SIGALRM, in the documented loop, until a deadline; a byte
// arrives in between: [selector's name].
import { writeSync } from "node:fs";
import { socketPair } from "../../../lib/net/mod.ts";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";
import { HelperThread } from "../helper_thread.ts";
import { rest, Storm, turn } from "../storm.ts";

const WAIT_MS = 2000;
const BYTE_AFTER_MS = 300;
const [a, b] = socketPair();
const helper = await HelperThread.start();
const selector = createSelector(process.argv[2] as SelectorName);
selector.register(a, EVENT_READ);
const storm = await Storm.start(5);

const start = performance.now();
const deadline = start + WAIT_MS;
const sent = helper.later({ kind: "write", fd: b.fileno(), text: "x", afterMs: BYTE_AFTER_MS });
const toldAfter: number[] = [];
let empty = 0;
for (let left = WAIT_MS; left > 0; left = deadline - performance.now()) {
  if (selector.select(left).length > 0) {
    toldAfter.push(performance.now() - start);
    a.recv(new Uint8Array(new ArrayBuffer(8)));
    await turn();
  } else {
    if (performance.now() < deadline) empty++;
    await rest(0); // as in signal_loop.ts
  }
}
const ms = performance.now() - start;
storm.stop();
await sent;
for (let turns = 0; turns < 20; turns++) await rest(2);
writeSync(1, `${JSON.stringify({ ms, empty, toldAfter, handled: storm.handled() })}\n`);
await helper.stop();
process.exit(0);
