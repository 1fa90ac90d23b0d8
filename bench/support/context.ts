// What every section is given: the options of the run and the compiled programs.
import type { Built } from "./build.ts";
import type { Entry } from "./entries.ts";
import { countOthers } from "./others.ts";
import { clientCpu, type Program, run, serverCpu, sleep, start } from "./process.ts";

export interface Options {
  rounds: number;
  seconds: number;
  warmup: number;
  connections: number;
  size: number;
  idle: number;
  /** A measurement is repeated while others take more than this of the two cores, in percent. */
  quiet: number;
}

export interface Context {
  options: Options;
  built: Built;
  /** The chosen servers, in order; the C server is always among them. */
  entries: Entry[];
  /** For the engine section, which has servers and cases of its own. */
  isChosen(server: { name: string }): boolean;
  isCase(name: string): boolean;
  /** A line for people watching, on stderr. */
  progress(line: string): void;
}

/** What the C client prints about its measured window. */
export interface Load {
  messages: number;
  seconds: number;
  rate: number;
  p50_us: number;
  p99_us: number;
  client_cpu_ns: number;
  server?: {
    cpu_ns: number;
    user_ns: number;
    user_messages: number;
    user_sampled: boolean;
  };
}

const readySeconds = 20;

/** Starts a server on its core, hands over its address, and stops it whatever happens. */
export async function withServer<T>(
  command: string[],
  manyFiles: boolean,
  use: (address: string, server: Program) => Promise<T>,
): Promise<T> {
  const server = start(command, { cpu: serverCpu, manyFiles });
  try {
    const [, address] = await server.match(/listening on (\S+)/, readySeconds);
    return await use(address!, server);
  } finally {
    await server.stop();
  }
}

/** One measured window of the C client; with a pid, of that process's CPU time too. */
export async function load(context: Context, address: string, pid?: number): Promise<Load> {
  const { warmup, seconds, connections, size } = context.options;
  const watch = pid === undefined ? [] : ["-p", String(pid)];
  const numbers = [connections, size, seconds].map(String);
  const command = [context.built.client, "-w", String(warmup), ...watch, address, ...numbers];
  return JSON.parse(await run(command, warmup + 2 * seconds + 20, { cpu: clientCpu }));
}

export interface Measured<R> {
  value: R;
  /** What other programs took of the two cores meanwhile, in percent. */
  others: number;
}

const attempts = 3;
const pauseSeconds = 5; // what keeps a shared machine busy comes in bursts

/** Measures on a new server, again while the machine is too busy; the quietest attempt counts. */
export async function quietly<R>(
  context: Context,
  command: string[],
  measure: (address: string, server: Program) => Promise<R>,
): Promise<Measured<R>> {
  let best: Measured<R> | null = null;
  for (let i = 0; i < attempts && (best?.others ?? Infinity) > context.options.quiet; i++) {
    if (best !== null) await sleep(pauseSeconds);
    const result = await withServer(command, false, async (address, server) => {
      const others = countOthers(server.pid);
      const value = await measure(address, server);
      return { value, others: others() };
    });
    if (best === null || result.others < best.others) best = result;
  }
  return best!;
}

/**
 * Measures every candidate once a round, in an order that turns from round to round. One that
 * fails is reported, left out of the later rounds, and its earlier figures are dropped.
 */
export async function inRounds<C extends { name: string; missing: string | null }, R>(
  candidates: C[],
  rounds: number,
  measure: (candidate: C, round: number) => Promise<R>,
): Promise<{ results: Map<string, R[]>; notRun: Map<string, string> }> {
  const results = new Map<string, R[]>(), notRun = new Map<string, string>();
  for (const { name, missing } of candidates) if (missing !== null) notRun.set(name, missing);
  for (let round = 0; round < rounds; round++) {
    const turn = round % candidates.length;
    for (const candidate of [...candidates.slice(turn), ...candidates.slice(0, turn)]) {
      if (notRun.has(candidate.name)) continue;
      try {
        const result = await measure(candidate, round);
        results.set(candidate.name, [...results.get(candidate.name) ?? [], result]);
      } catch (error) {
        notRun.set(candidate.name, `round ${round + 1}: ${(error as Error).message}`);
        results.delete(candidate.name);
      }
      await sleep(0.1); // closed connections settle
    }
  }
  return { results, notRun };
}
