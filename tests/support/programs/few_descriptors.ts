// Makes engines, or the listening sockets of three workers, while 0, 1, 2, 3 descriptors are free: [engine or
// "listeners"]. Prints as JSON, for each number, whether they were made, and how many descriptors are taken after
// they are closed, or could not be made.
import { writeSync } from "node:fs";
import { createEngine, type EngineName } from "../../../lib/engine/mod.ts";
import { openListeners } from "../../../lib/serve/listeners.ts";
import type { ServeOptions } from "../../../lib/serve/options.ts";
import { closeFd } from "../../../lib/sys/posix.ts";
import { limitDescriptors, takeDescriptors } from "../scarce.ts";

const what = process.argv[2]!;

async function make(): Promise<void> {
  if (what !== "listeners") return createEngine({ engine: what as EngineName }).close();
  const options = { path: `@iomux-${process.pid}`, backlog: 1, workers: 3 } as ServeOptions;
  for (const socket of (await openListeners(options)).sockets.flat()) socket.close();
}
await make(); // opens what is kept from the first use on
limitDescriptors(16);
const held = takeDescriptors();
const seen = [];
for (const free of [0, 1, 2, 3]) {
  const made = await make().then(() => true, () => false);
  const taken = takeDescriptors();
  for (const fd of taken) closeFd(fd);
  closeFd(held.pop()!);
  seen.push({ made, leaked: free - taken.length });
}
writeSync(1, `${JSON.stringify(seen)}\n`);
process.exit(0);
