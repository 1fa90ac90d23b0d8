/** What the machine does during a run: the kernel's counters, and who uses its CPUs. */
import { cpus } from "node:os";
import { kernelRise, readKernelCounters } from "../../sys/machine/kernel_counters.ts";
import { type MachineCpu, readMachineCpu } from "../../sys/machine/cpu.ts";

/** Who has used the CPUs while the load went on. Everything in percent of one CPU. */
export interface CpuUse {
  /** All threads of this process: the generator's, those of an embedded server, and the rest. */
  readonly process: number;
  /** Everything on this machine; null where nobody tells. */
  readonly machine: number | null;
  /** What its host took away from this machine's CPUs; null where nobody tells. */
  readonly steal: number | null;
  /** How many CPUs the machine has. */
  readonly cpus: number;
}

/** Looks before a run and after it. */
export class MachineWatch {
  readonly #countersBefore = readKernelCounters();
  #begun: { at: number; process: number; machine: MachineCpu | null } | undefined;

  /** All have connected, and the load begins. */
  begin(): void {
    this.#begun = { at: performance.now(), process: processMs(), machine: readMachineCpu() };
  }

  /** How the kernel's counters have risen, connecting included; null where they can't be read. */
  kernel(): Record<string, number> | null {
    return kernelRise(this.#countersBefore, readKernelCounters());
  }

  /** The use of the CPUs since `begin`; null when the load has never begun. */
  cpu(): CpuUse | null {
    if (!this.#begun) return null;
    const { at, process, machine } = this.#begun;
    const ms = Math.max(1, performance.now() - at);
    const percent = (used: number) => 100 * Math.max(0, used) / ms;
    const now = readMachineCpu();
    const steal = now && machine && now.stealMs !== null && machine.stealMs !== null
      ? now.stealMs - machine.stealMs
      : null;
    return {
      process: percent(processMs() - process),
      machine: now && machine ? percent(now.busyMs - machine.busyMs) : null,
      steal: steal === null ? null : percent(steal),
      cpus: cpus().length,
    };
  }
}

function processMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
