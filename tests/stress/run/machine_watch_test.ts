// CPU times that are compared are of one source and of one window, whatever the system can say at a moment.
import { describe, expect, it } from "bun:test";
import { MachineWatch, type Moment } from "../../../lib/stress/run/machine_watch.ts";

type Source = "/proc/stat" | "runtime";

/** A moment: after so many ms, with so much CPU time of this process and of the machine. */
const moment = (
  [at, process, busyMs, source]: [number, number, number, Source | null],
): Moment => ({
  at,
  process,
  machine: source === null
    ? null
    : { source, busyMs, stealMs: source === "runtime" ? null : busyMs / 10 },
});

/** What a watch says that sees these moments, and asks for no more. */
function cpuOf(...moments: [number, number, number, Source | null][]) {
  const left = moments.map(moment);
  const watch = new MachineWatch(() => left.shift()!);
  watch.start();
  watch.stop();
  const { cpus: _, ...use } = watch.cpu()!;
  watch.stop(); // a second stop does not move the window
  expect(watch.cpu()).toMatchObject(use);
  expect(left).toEqual([]);
  return use;
}

describe("the use of a machine's CPUs", () => {
  it("is that from the start of counting to the stop, in percent of a CPU", () => {
    expect(cpuOf([5000, 900, 70_000, "/proc/stat"], [7000, 1900, 73_000, "/proc/stat"]))
      .toEqual({ process: 50, machine: 150, steal: 15 });
  });

  it("is unknown where the two readings are from different sources, or one failed", () => {
    const start: [number, number, number, Source] = [0, 0, 70_000, "/proc/stat"];
    for (const source of ["runtime", null] as const) {
      expect(cpuOf(start, [1000, 250, 5_400_090, source]))
        .toEqual({ process: 25, machine: null, steal: null });
    }
  });

  it("is not known of a run in which nothing counted", () => {
    const watch = new MachineWatch(() => moment([0, 0, 0, "runtime"]));
    watch.stop();
    expect(watch.cpu()).toBe(null);
  });
});
