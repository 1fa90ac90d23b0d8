/** The commands of the program. Each is loaded when it is needed: its description first, what it does then. */
import type { Spawn } from "../serve/server.ts";
import type { SpawnHandler } from "../serve/handoff/handler_pool.ts";
import type { SpawnMetrics } from "../serve/metrics/metrics.ts";
import type { SpawnRelay } from "../client/relay.ts";
import type { SpawnProbe } from "../probe/plan.ts";
import type { SpawnLoad } from "../stress/run/run.ts";
import type { Command } from "./options/command.ts";

export type SpawnThread = Spawn & SpawnHandler & SpawnMetrics & SpawnLoad & SpawnProbe & SpawnRelay;

interface Entry {
  /** It has connections, and with them threads and descriptors. */
  readonly connects: boolean;
  describe(): Promise<Command<any>>;
  /** Does it, with what was read of its options; returns the exit code. */
  run(read: any, spawn: SpawnThread): Promise<number>;
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  serve: {
    connects: true,
    describe: async () => (await import("./serve/command.ts")).SERVE,
    run: async (read, spawn) => await (await import("./serve/run.ts")).run(read, spawn),
  },
  client: {
    connects: true,
    describe: async () => (await import("./client/command.ts")).CLIENT,
    run: async (read, spawn) => await (await import("./client/run.ts")).run(read, spawn),
  },
  stress: {
    connects: true,
    describe: async () => (await import("./stress/command.ts")).STRESS,
    run: async (read, spawn) => await (await import("./stress/run.ts")).run(read, spawn),
  },
  probe: {
    connects: true,
    describe: async () => (await import("./probe/command.ts")).PROBE,
    run: async (read, spawn) => await (await import("./probe/run.ts")).run(read, spawn),
  },
  report: {
    connects: false,
    describe: async () => (await import("./report/command.ts")).REPORT,
    run: async (read) => await (await import("./report/run.ts")).run(read),
  },
  info: {
    connects: false,
    describe: async () => (await import("./info/command.ts")).INFO,
    run: async (read) => await (await import("./info/run.ts")).run(read),
  },
  completion: {
    connects: false,
    describe: async () => (await import("./completion/command.ts")).COMPLETION,
    run: async (read) =>
      await (await import("./completion/run.ts")).run(read, await describeCommands()),
  },
};

export const describeCommands = (): Promise<Command[]> =>
  Promise.all(Object.values(COMMANDS).map((command) => command.describe()));
