/** Where a run is made. */
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import type { Machine } from "../../result/result.ts";
import { runtimeName } from "../../sys/runtime.ts";

/** This machine. What can't be known, as in a sandbox, is "unknown" or 0. */
export function describeMachine(): Machine {
  return {
    os: platform(),
    arch: arch(),
    kernel: ask(release, "unknown"),
    cpus: ask(availableParallelism, 0),
    cpu_model: ask(() => cpus()[0]?.model.trim() || "unknown", "unknown"),
    memory_bytes: ask(totalmem, 0),
    runtime: runtimeName(),
  };
}

function ask<V>(question: () => V, otherwise: V): V {
  try {
    return question();
  } catch {
    return otherwise;
  }
}
