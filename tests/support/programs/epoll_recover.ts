// EpollSelector with a stale registration in its set, where a system call fails from now on (seccomp): [number, errno].
// Prints what is reported of a socket that was registered before, how often a wait was of no use, and what the
// spin guard says of a reader that takes everything.
import { writeSync } from "node:fs";
import { socketPair } from "../../../lib/net/mod.ts";
import { EpollSelector, EVENT_READ } from "../../../lib/selectors/mod.ts";
import { duplicate } from "../../../lib/sys/posix.ts";
import { forbid } from "../seccomp.ts";

const [number, error] = process.argv.slice(2).map(Number) as [number, number];
const selector = new EpollSelector<string>();
let spins = 0;
selector.onSpin = () => void spins++;
const [stale, itsPeer] = socketPair();
const [kept, peer] = socketPair();
selector.register(stale, EVENT_READ, "stale");
selector.register(kept, EVENT_READ, "kept");
duplicate(stale.fileno());
stale.close();
selector.unregister(stale); // which the kernel can't do any more: the duplicate keeps the file open
if (!forbid(number, error)) {
  writeSync(1, `${JSON.stringify({ refused: true })}\n`);
  process.exit(0);
}
itsPeer.send(new Uint8Array(1));
const buffer = new Uint8Array(8);
let [reported, wrong, empty] = [0, 0, 0];
for (let i = 0; i < 3000; i++) {
  if (i % 100 === 0) { // a wait with nothing to report but the stale registration
    kept.recv(buffer);
    empty += selector.select(2).length === 0 ? 1 : 0;
    peer.send(buffer.subarray(0, 4));
  }
  for (const [{ data }] of selector.select(1000)) {
    if (data !== "kept") wrong++;
    else reported++;
    kept.recv(buffer);
    peer.send(buffer.subarray(0, 4)); // as many bytes wait as before, and they are others
  }
}
writeSync(1, `${JSON.stringify({ reported, wrong, empty, spins })}\n`);
process.exit(0);
