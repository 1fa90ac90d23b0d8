// Makes engines while 0, 1, 2, 3 descriptors are free: [engine]. Prints as JSON, for each number, whether an
// engine was made, and how many descriptors are taken after it is closed, or could not be made.
import { writeSync } from "node:fs";
import { createEngine, type EngineName } from "../../../lib/engine/mod.ts";
import { Native } from "../../../lib/sys/ffi.ts";
import { c, closeFd } from "../../../lib/sys/posix.ts";

const RLIMIT_NOFILE = process.platform === "linux" ? 7 : 8;
const engine = process.argv[2] as EngineName;
createEngine({ engine }).close(); // opens what is kept from the first use on
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
const isMade = () => {
  try {
    createEngine({ engine }).close();
    return true;
  } catch {
    return false;
  }
};
const held = takeAll();
const seen = [0, 1, 2, 3].map((free) => {
  const made = isMade();
  const taken = takeAll();
  for (const fd of taken) closeFd(fd);
  closeFd(held.pop()!);
  return { made, leaked: free - taken.length };
});
writeSync(1, `${JSON.stringify(seen)}\n`);
process.exit(0);
