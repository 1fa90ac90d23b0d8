// A kernel that lacks or forbids a system call: [number, errno, what to try]. seccomp(2) makes it so for
// this thread before the library is loaded. Prints as JSON what became of it.
import { openSync, writeSync } from "node:fs";
import { forbid } from "../seccomp.ts";

const [number, error, what] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
if (!forbid(number, error)) {
  writeSync(1, `${JSON.stringify({ refused: true })}\n`);
  process.exit(0);
}

const { availableSelectors, DefaultSelector, EVENT_READ, EpollSelector, wake } = await import(
  "../../../lib/selectors/mod.ts"
);
const { socketPair } = await import("../../../lib/net/mod.ts");

function precise() {
  using selector = new EpollSelector();
  const [a, b] = socketPair();
  selector.register(a, EVENT_READ);
  const times = Array.from({ length: 100 }, () => {
    const start = performance.now();
    selector.select(0.3);
    return performance.now() - start;
  }).sort((x, y) => x - y);
  b.send(Uint8Array.of(1));
  return { least: times[0], median: times[50], told: selector.select(200.5).length };
}

function choice() {
  using selector = new DefaultSelector();
  const directory = openSync("/", "r");
  let file: string | undefined;
  try {
    selector.register(directory, EVENT_READ);
  } catch (thrown) {
    file = (thrown as { code?: string }).code;
  }
  wake(selector.wakeHandle());
  const woken = selector.select(5000).length === 0;
  return { chosen: selector.name, available: availableSelectors(), file, woken };
}

writeSync(1, `${JSON.stringify(what === "precise" ? precise() : choice())}\n`);
process.exit(0);
