// A server with the handler that does what it is told, and peers that tell it.
import { expect } from "bun:test";
import { join } from "node:path";
import { type CliOptions, root, type RunningServer, startServe } from "./cli.ts";
import type { Peer } from "./peers.ts";

/** The path of a handler module in tests/support/handlers. */
export const handlerAt = (name: string): string => join(root, "tests/support/handlers", name);

/** `iomux serve --handler commands.ts ARGS`, with two workers where the arguments don't say how many. */
export const startHandling = (
  args: string[] = [],
  options: CliOptions = {},
): Promise<RunningServer> => {
  const workers = args.includes("--handler-workers") ? [] : ["--handler-workers", "2"];
  return startServe(["--handler", handlerAt("commands.ts"), ...workers, ...args], options);
};

/** `iomux serve --exec COMMAND ARGS`. */
export const startExec = (
  command: string,
  args: string[] = [],
  options: CliOptions = {},
): Promise<RunningServer> => startServe(["--exec", command, ...args], options);

/** Sends a line, and expects a line. */
export async function ask(peer: Peer, line: string, answer: string): Promise<void> {
  await peer.send(line + "\n");
  expect(await peer.text(answer.length + 1)).toBe(answer + "\n");
}

/** Ticks of 10 ms that a process has spent in all of its threads. */
export const ticksIn = (stat: string): number => {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
};
