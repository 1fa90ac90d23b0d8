// A kernel that lacks or forbids a system call: [number, errno, what to try]. seccomp(2) makes it so for
// this thread before the library is loaded. Prints as JSON what became of it.
import { openSync, writeSync } from "node:fs";
import { addressOf, Native, NULL, open } from "../../../lib/sys/ffi.ts";

const [number, error, what] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const c = open(["libc.so.6", "libc.so"], {
  prctl: { args: ["i32", "size", "pointer", "size", "size"], result: "i32" },
});

// struct sock_filter { u16 code; u8 if_true; u8 if_false; u32 k; }: load the number; is it this one?
const filter = new Native(32);
const instructions = [
  [0x20, 0, 0, 0],
  [0x15, 0, 1, number],
  [0x06, 0, 0, 0x00050000 | error], // SECCOMP_RET_ERRNO
  [0x06, 0, 0, 0x7fff0000], // SECCOMP_RET_ALLOW
] as const;
for (const [i, [code, yes, no, k]] of instructions.entries()) {
  filter.view.setUint16(i * 8, code, true);
  filter.view.setUint8(i * 8 + 2, yes);
  filter.view.setUint8(i * 8 + 3, no);
  filter.view.setUint32(i * 8 + 4, k, true);
}
const program = new Native(16); // struct sock_fprog
program.view.setUint16(0, instructions.length, true);
program.view.setBigUint64(8, BigInt(addressOf(filter.pointer)), true);
const [SET_NO_NEW_PRIVS, SET_SECCOMP, FILTER] = [38, 22, 2];
c.prctl(SET_NO_NEW_PRIVS, 1, NULL, 0, 0);
if (c.prctl(SET_SECCOMP, FILTER, program.pointer, 0, 0) !== 0) {
  writeSync(1, `${JSON.stringify({ refused: true })}\n`);
  process.exit(0);
}

const { availableSelectors, createSelector, DefaultSelector, EVENT_READ, EpollSelector, wake } =
  await import("../../../lib/selectors/mod.ts");
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
  let refused: string | undefined;
  try {
    createSelector("io_uring").close();
  } catch (thrown) {
    refused = (thrown as Error).message;
  }
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
  return { chosen: selector.name, available: availableSelectors(), refused, file, woken };
}

writeSync(1, `${JSON.stringify(what === "precise" ? precise() : choice())}\n`);
process.exit(0);
