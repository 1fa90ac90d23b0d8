// Registers as many descriptors as the process may have, makes some of them readable and checks that
// exactly those are told: [how many are wanted, selector's name…]. A process of its own, as the limit
// belongs to the process. Prints a line of JSON for each selector.
import { writeSync } from "node:fs";
import { type Socket, socketPair } from "../../../lib/net/mod.ts";
import { createSelector, EVENT_READ, type SelectorName } from "../../../lib/selectors/mod.ts";
import { check, OSError } from "../../../lib/sys/errno.ts";
import { Native } from "../../../lib/sys/ffi.ts";
import { openFileLimit, raiseOpenFileLimit } from "../../../lib/sys/process/limits.ts";
import { c } from "../../../lib/sys/posix.ts";

const RLIMIT_NOFILE = process.platform === "linux" ? 7 : 8;
/** For the selectors themselves, and for what the runtime opens while it runs. */
const SPARE = 40;
const SAMPLE = 500;
const wanted = Number(process.argv[2]);
const names = process.argv.slice(3) as SelectorName[];

/** Raises the hard limit where that is allowed (CAP_SYS_RESOURCE); says how it went. */
function raiseHardLimit(): string {
  const needed = wanted + SPARE + 100;
  if (raiseOpenFileLimit().soft >= needed) return "high enough";
  const limit = new Native(16);
  limit.view.setBigUint64(0, BigInt(needed), true);
  limit.view.setBigUint64(8, BigInt(needed), true);
  try {
    check(c.setrlimit(RLIMIT_NOFILE, limit.pointer), "setrlimit", "raise the limit of open files");
    return "raised";
  } catch (error) {
    return (error as OSError).message;
  }
}

/** Pairs whose both ends are watched, until there are enough or no more to be had. */
function openPairs(limit: number): [Socket, Socket][] {
  const pairs: [Socket, Socket][] = [];
  while (2 * pairs.length < wanted) {
    try {
      const pair = socketPair();
      pairs.push(pair);
      if (pair[1].fileno() >= limit - SPARE) break;
    } catch (error) {
      if (error instanceof OSError && ["EMFILE", "ENFILE"].includes(error.code)) break;
      throw error;
    }
  }
  return pairs;
}

const raising = raiseHardLimit();
const limit = openFileLimit().soft;
const pairs = openPairs(limit);
const ends = pairs.flat();
const one = new Uint8Array(new ArrayBuffer(1));

/** Registers all, lets a random sample be ready, and returns what went wrong. */
function run(name: SelectorName): { registered: number; wrong: string[]; ms: number } {
  const start = performance.now();
  const wrong: string[] = [];
  const selector = createSelector<number>(name);
  ends.forEach((end, i) => selector.register(end, EVENT_READ, i));
  if (selector.getMap().size !== ends.length) {
    wrong.push(`only ${selector.getMap().size} in the map`);
  }
  if (selector.select(0).length !== 0) wrong.push("something was ready at first");
  for (let round = 0; round < 3; round++) {
    const sample = new Set<number>();
    while (sample.size < Math.min(SAMPLE, ends.length / 4)) {
      sample.add(Math.floor(Math.random() * ends.length));
    }
    for (const i of sample) ends[i ^ 1]!.send(one); // the other end of the pair
    const told = new Set<number>();
    for (let tries = 0; told.size < sample.size && tries < 100; tries++) {
      selector.dispatch(100, (key) => told.add(key.data));
    }
    const missing = [...sample].filter((i) => !told.has(i)).length;
    const foreign = [...told].filter((i) => !sample.has(i)).length;
    if (missing || foreign) wrong.push(`round ${round}: ${missing} missing, ${foreign} foreign`);
    for (const i of sample) ends[i]!.recv(one);
    if (selector.select(0).length !== 0) wrong.push(`round ${round}: told of what was read`);
  }
  for (const end of ends) selector.unregister(end);
  if (selector.getMap().size !== 0) wrong.push("something is left in the map");
  selector.close();
  return { registered: ends.length, wrong, ms: Math.round(performance.now() - start) };
}

for (const name of names) {
  const result = run(name);
  writeSync(1, `${JSON.stringify({ name, limit, raising, ...result })}\n`);
}
process.exit(0);
