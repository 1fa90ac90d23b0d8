/** What the machine does during a run: the kernel's counters, and who uses its CPUs. */
import { cpus } from "node:os";
import type { CpuUse } from "../../result/audit/evidence.ts";
import { kernelRise, readKernelCounters } from "../../sys/machine/kernel_counters.ts";
import { type MachineCpu, readMachineCpu } from "../../sys/machine/cpu.ts";

/** CPU times at a moment, in milliseconds. */
export interface Moment {
  readonly at: number;
  readonly process: number;
  readonly machine: MachineCpu | null;
}

/** Looks before a run, when its messages start to count, and when it stops: CPU times are of one window. */
export class MachineWatch {
  readonly #countersBefore = readKernelCounters();
  readonly #look: () => Moment;
  #started: Moment | undefined;
  #stopped: Moment | undefined;

  constructor(look: () => Moment = timesNow) {
    this.#look = look;
  }

  /** Messages count from now on. */
  start(): void {
    this.#started = this.#look();
  }

  /** Nothing new is sent from now on. */
  stop(): void {
    if (this.#started) this.#stopped ??= this.#look();
  }

  /** How the kernel's counters have risen, connecting included; null where they can't be read. */
  kernel(): Record<string, number> | null {
    return kernelRise(this.#countersBefore, readKernelCounters());
  }

  /** The use of the CPUs from `start` to `stop`; null when messages never counted. */
  cpu(): CpuUse | null {
    this.stop();
    if (!this.#started || !this.#stopped) return null;
    const { at, process, machine } = this.#started;
    const end = this.#stopped;
    const ms = Math.max(1, end.at - at);
    const percent = (used: number) => 100 * Math.max(0, used) / ms;
    // Two ways to ask are two clocks: only what was asked in the same way can be subtracted.
    const same = machine !== null && end.machine !== null && machine.source === end.machine.source;
    const steal = same && machine.stealMs !== null && end.machine!.stealMs !== null
      ? end.machine!.stealMs - machine.stealMs
      : null;
    return {
      process: percent(end.process - process),
      machine: same ? percent(end.machine!.busyMs - machine.busyMs) : null,
      steal: steal === null ? null : percent(steal),
      cpus: cpus().length,
    };
  }
}

function timesNow(): Moment {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), process: (user + system) / 1000, machine: readMachineCpu() };
}
