// Makes engines, or the listening sockets of three workers, while 0, 1, 2, 3 descriptors are free: [engine or
// "listeners"]. Prints as JSON, for each number, whether they were made, and how many descriptors are taken after
// they are closed, or could not be made.
import { writeSync } from "node:fs";
import { createEngine, type EngineName } from "../../../lib/engine/mod.ts";
import { openListeners } from "../../../lib/serve/listeners.ts";
import type { ServeOptions } from "../../../lib/serve/options.ts";
import { Native } from "../../../lib/sys/ffi.ts";
import { c, closeFd } from "../../../lib/sys/posix.ts";

const RLIMIT_NOFILE = process.platform === "linux" ? 7 : 8;
const what = process.argv[2]!;

async function make(): Promise<void> {
  if (what !== "listeners") return createEngine({ engine: what as EngineName }).close();
  const options = { path: `@iomux-${process.pid}`, backlog: 1, workers: 3 } as ServeOptions;
  for (const socket of (await openListeners(options)).sockets.flat()) socket.close();
}
await make(); // opens what is kept from the first use on
const next = c.dup(0);
closeFd(next);
const limit = new Native(16);
c.getrlimit(RLIMIT_NOFILE, limit.pointer);
limit.view.setBigUint64(0, BigInt(next + 16), true);
c.setrlimit(RLIMIT_NOFILE, limit.pointer);

/** Takes all descriptors that are free. */
const takeAll = () => {
  const taken: number[] = [];
  for (let fd = c.dup(0); fd >= 0; fd = c.dup(0)) taken.push(fd);
  return taken;
};
const held = takeAll();
const seen = [];
for (const free of [0, 1, 2, 3]) {
  const made = await make().then(() => true, () => false);
  const taken = takeAll();
  for (const fd of taken) closeFd(fd);
  closeFd(held.pop()!);
  seen.push({ made, leaked: free - taken.length });
}
writeSync(1, `${JSON.stringify(seen)}\n`);
process.exit(0);
