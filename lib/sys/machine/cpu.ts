/** The CPU time of the whole machine: /proc/stat of proc(5), or what the runtime says. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** CPU time of all CPUs together since the machine began, in milliseconds. */
export interface MachineCpu {
  /** Where the times are from: those of one source can't be subtracted from those of another. */
  readonly source: "/proc/stat" | "runtime";
  /** Spent on any program, or on the kernel's own work. */
  readonly busyMs: number;
  /** When a virtual CPU wanted to run and its host ran something else; null where the system does not say. */
  readonly stealMs: number | null;
}

/** Milliseconds of a tick of /proc/stat: USER_HZ is 100 on every architecture that iomux knows. */
const TICK_MS = 10;

/** The times now; null where the system does not say. */
export function readMachineCpu(): MachineCpu | null {
  if (process.platform === "linux") {
    try {
      return machineCpuOf(readFileSync("/proc/stat", "utf8"));
    } catch {
      // Deno without --allow-all: the runtime itself may ask.
    }
  }
  const all = cpus();
  if (all.length === 0) return null;
  const busyMs = all.reduce((sum, { times: t }) => sum + t.user + t.nice + t.sys + t.irq, 0);
  return { source: "runtime", busyMs, stealMs: null };
}

/** From the text of /proc/stat: "cpu user nice system idle iowait irq softirq steal …", in ticks. */
export function machineCpuOf(text: string): MachineCpu {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] =
    /^cpu +(.*)$/m.exec(text)?.[1]?.split(" ").map(Number) ?? [];
  const busyMs = (user + nice + system + irq + softirq) * TICK_MS;
  return { source: "/proc/stat", busyMs, stealMs: steal * TICK_MS };
}
