/** Where a run is made. */
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import type { Machine } from "./result.ts";

/** This machine. */
export function describeMachine(): Machine {
  return {
    os: platform(),
    arch: arch(),
    kernel: release(),
    cpus: availableParallelism(),
    cpu_model: cpus()[0]?.model ?? "unknown",
    memory_bytes: totalmem(),
    runtime: "",
  };
}
