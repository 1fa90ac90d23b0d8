// What a second worker costs and brings. Server and load share two cores, so the rate alone says little:
// what counts is the server's CPU time for one message. If two workers need no more of it than one, then
// on two cores that are free for the server they serve twice as many messages.
import type { Context, Load } from "../support/context.ts";
import { inRounds } from "../support/context.ts";
import { targeted } from "../support/entries.ts";
import { clientCpu, run, serverCpu, start } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table, verdict } from "../support/report.ts";

/** How many times one worker's messages two must serve where two cores are free. */
const TARGET = 1.7;
const BOTH_CORES = ["taskset", "-c", `${serverCpu},${clientCpu}`];
const READY_SECONDS = 20;

const serverUs = (load: Load) => load.server!.cpu_ns / load.messages / 1000;
const clientUs = (load: Load) => load.client_cpu_ns / load.messages / 1000;

/** Runs the section. */
export async function workers(context: Context): Promise<Report> {
  const { options, progress } = context;
  const candidates = context.entries.filter(({ name }) => targeted.includes(name))
    .flatMap((entry) =>
      [1, 2].map((count) => ({
        name: `${entry.name}, ${count} worker${count > 1 ? "s" : ""}`,
        program: entry.name,
        count,
        command: [...BOTH_CORES, ...entry.command, "--workers", String(count)],
        missing: entry.missing,
      }))
    );
  const { results, notRun } = await inRounds(candidates, options.rounds, async (candidate) => {
    const value = await measure(context, candidate.command);
    progress(`workers ${candidate.name}: ${serverUs(value).toFixed(2)} us`);
    return value;
  });
  const rows = candidates.flatMap(({ name }) => {
    const loads = results.get(name);
    if (!loads) return [];
    const of = (pick: (load: Load) => number) => median(loads.map(pick));
    return [[
      name,
      spread(loads.map(serverUs)),
      of(clientUs).toFixed(2),
      of((load) => serverUs(load) + clientUs(load)).toFixed(2),
      of((load) => load.rate).toFixed(0),
      of((load) => load.p99_us).toFixed(0),
      `${of((load) => load.server!.cpu_ns / load.seconds / 1e7).toFixed(0)} %`,
    ]];
  });
  const programs = [...new Set(candidates.map(({ program }) => program))];
  const gains = programs.flatMap((program) => {
    const [one, two] = candidates.filter((c) => c.program === program)
      .map(({ name }) => results.get(name));
    if (!one || !two) return [];
    return [{ program, gains: one.map((load, i) => 2 * serverUs(load) / serverUs(two[i]!)) }];
  });
  const lines = [
    `workers: ${options.connections} connections, ${options.size}-byte messages, ` +
    `${options.rounds} rounds of ${options.seconds} s; server and load share two cores`,
    table(
      ["server", "server CPU us/message", "client", "total", "messages/s", "p99 us", "busy"],
      rows,
    ),
    ...notRunLines(notRun),
    ...gains.map(({ program, gains }) =>
      `${program}: by its CPU time, 2 workers on 2 free cores serve ${spread(gains)} times the ` +
      `messages of 1, ${verdict(median(gains), TARGET, true)}`
    ),
  ];
  return {
    text: lines.join("\n"),
    data: { loads: Object.fromEntries(results), gains, not_run: Object.fromEntries(notRun) },
  };
}

async function measure(context: Context, command: string[]): Promise<Load> {
  const { warmup, seconds, connections, size } = context.options;
  const server = start(command);
  try {
    const [, address] = await server.match(/listening on (\S+)/, READY_SECONDS);
    const numbers = [connections, size, seconds].map(String);
    const load = [context.built.client, "-w", String(warmup), "-p", String(server.pid)];
    const client = [...BOTH_CORES, ...load, address!, ...numbers];
    return JSON.parse(await run(client, warmup + 2 * seconds + 20));
  } finally {
    await server.stop();
  }
}
