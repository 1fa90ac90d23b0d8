// What a wait and a registration cost in TypeScript: selector_costs.ts SELECTOR, on any runtime.
//
// For each line "IDLE ACTIVE MILLISECONDS" on stdin, one line of JSON on stdout: the CPU time of so
// many calls, each measured for about the given time, with IDLE eventfds that are never readable
// and ACTIVE ones that always are (nobody reads them). See selector_costs.c, its counterpart.
import process from "node:process";
import { createInterface } from "node:readline";
import { createSelector, EVENT_READ } from "../lib/selectors/mod.ts";
import type { Selector, SelectorName } from "../lib/selectors/mod.ts";
import { Native, open } from "../lib/sys/ffi.ts";

// Linux, as all of the benchmark; the library's own calls stay out of what measures it.
const CLOCK_PROCESS_CPUTIME_ID = 2, CLOCK_THREAD_CPUTIME_ID = 3, RUSAGE_THREAD = 1;
const EFD_CLOEXEC = 0o2000000, EFD_NONBLOCK = 0o4000;

const c = open(["libc.so.6", "libc.so"], {
  clock_gettime: { args: ["i32", "pointer"], result: "i32" },
  getrusage: { args: ["i32", "pointer"], result: "i32" },
  eventfd: { args: ["i32", "i32"], result: "i32" }, // initial count, flags
  close: { args: ["i32"], result: "i32" },
});
const memory = new Native(256);

/** Two 64-bit numbers: seconds, and parts of a second of `unit` nanoseconds. */
const nanoseconds = (at: number, unit: number) =>
  Number(memory.view.getBigInt64(at, true)) * 1e9 +
  Number(memory.view.getBigInt64(at + 8, true)) * unit;

function clock(id: number): number {
  c.clock_gettime(id, memory.pointer);
  return nanoseconds(0, 1);
}

/**
 * The clocks are exact; the split into user and system comes from timer ticks and is an estimate.
 * `all` is the whole process: the runtime's own threads, which compile and collect garbage, too.
 */
function usage() {
  const cpu = clock(CLOCK_THREAD_CPUTIME_ID), all = clock(CLOCK_PROCESS_CPUTIME_ID);
  c.getrusage(RUSAGE_THREAD, memory.pointer);
  return { cpu, all, user: nanoseconds(0, 1000), system: nanoseconds(16, 1000) };
}

/** Doubles the number of calls until half the time is used, which warms up, and then measures. */
function measure(run: (calls: number) => void, windowNs: number) {
  let calls = 1;
  for (;; calls *= 2) {
    const from = clock(CLOCK_THREAD_CPUTIME_ID);
    run(calls);
    const used = clock(CLOCK_THREAD_CPUTIME_ID) - from;
    if (used < windowNs / 2) continue;
    calls = Math.floor(calls * windowNs / used) + 1;
    break;
  }
  const before = usage();
  run(calls);
  const after = usage();
  return {
    calls,
    cpu_ns: after.cpu - before.cpu,
    user_ns: after.user - before.user,
    system_ns: after.system - before.system,
    process_ns: after.all - before.all,
  };
}

/** An object, as a program registers: of a bare number the kernel is asked with every event. */
class Descriptor {
  readonly #fd: number;
  constructor(fd: number) {
    this.#fd = fd;
  }
  fileno(): number {
    return this.#fd;
  }
}

function measureCase(name: SelectorName, idle: number, active: number, windowNs: number): unknown {
  const selector: Selector<number> = createSelector(name);
  const fds: number[] = [];
  const create = (count: number): Descriptor => {
    const fd = c.eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd === -1) throw new Error("Cannot create an eventfd: too many open files");
    fds.push(fd);
    return new Descriptor(fd);
  };
  try {
    for (let i = 0; i < idle; i++) selector.register(create(0), EVENT_READ, i);
    for (let i = 0; i < active; i++) selector.register(create(1), EVENT_READ, i);
    const spare = create(0);
    let events = 0;
    const onReady = () => void events++;
    const found = selector.dispatch(0, onReady);
    if (found !== active || events !== active) {
      throw new Error(`${found} events, ${events} callbacks, for ${active} ready descriptors`);
    }
    const dispatch = measure((calls) => {
      for (let i = 0; i < calls; i++) selector.dispatch(0, onReady);
    }, windowNs);
    const select = measure((calls) => {
      for (let i = 0; i < calls; i++) events += selector.select(0).length;
    }, windowNs);
    const register = measure((calls) => {
      for (let i = 0; i < calls; i++) {
        selector.register(spare, EVENT_READ, i);
        selector.unregister(spare);
      }
    }, windowNs);
    return { dispatch, select, register };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { na: error.message }; // select: FD_SETSIZE
  } finally {
    selector.close();
    for (const fd of fds) c.close(fd);
  }
}

const name = process.argv[2] as SelectorName;
createSelector(name).close(); // says at once when it cannot be had
// A server runs for days: what is compiled after the first tenth of a second is what counts.
for (const active of [1, 100]) measureCase(name, 10, active, 100e6);
for await (const line of createInterface({ input: process.stdin })) {
  const [idle, active, ms] = line.split(" ").map(Number);
  const result = measureCase(name, idle!, active!, ms! * 1e6);
  process.stdout.write(JSON.stringify(result) + "\n");
}
