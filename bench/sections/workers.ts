// What a second worker costs and brings. Server and load share two cores, so the rate alone says little:
// what counts is the server's CPU time for one message. If two workers need no more of it than one, then
// on two cores that are free for the server they serve twice as many messages.
import { type Context, inRounds, type Load, type Measured, quietly } from "../support/context.ts";
import { targeted } from "../support/entries.ts";
import { clientCpu, run, serverCpu } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table, verdict } from "../support/report.ts";

/** How many times one worker's messages two must serve where two cores are free. */
const TARGET = 1.7;
/** Within a pinned process too, this is what counts. */
const BOTH_CORES = ["taskset", "-c", `${serverCpu},${clientCpu}`];
/**
 * More connections than elsewhere, as a multiple of --connections, too: three threads on two cores leave
 * each worker few of them per wake-up, which two busy workers on cores of their own would have.
 */
const LOADS = [1, 4];

const serverUs = ({ value }: Measured<Load>) => value.server!.cpu_ns / value.messages / 1000;
const clientUs = ({ value }: Measured<Load>) => value.client_cpu_ns / value.messages / 1000;
const busy = ({ value }: Measured<Load>) => value.server!.cpu_ns / value.seconds / 1e7;

/** Runs the section. */
export async function workers(context: Context): Promise<Report> {
  const { options, progress } = context;
  const groups = context.entries.filter(({ name }) => targeted.includes(name)).flatMap((entry) =>
    LOADS.map((times) => ({ entry, connections: times * options.connections }))
  ).map(({ entry, connections }) => ({
    name: `${entry.name}, ${connections} connections`,
    members: [1, 2].map((count) => ({
      name: `${entry.name}, ${count} worker${count > 1 ? "s" : ""}, ${connections} connections`,
      connections,
      command: [...BOTH_CORES, ...entry.command, "--workers", String(count)],
      missing: entry.missing,
    })),
  }));
  const candidates = groups.flatMap(({ members }) => members);
  const { results, notRun } = await inRounds(candidates, options.rounds, async (candidate) => {
    const { command, connections, name } = candidate;
    const result = await quietly(
      context,
      command,
      (address, { pid }) => load(context, address, pid, connections),
    );
    const others = result.others.toFixed(0);
    progress(`workers ${name}: ${serverUs(result).toFixed(2)} us, others ${others} %`);
    return result;
  });
  const rows = candidates.flatMap(({ name }) => {
    const all = results.get(name);
    if (!all) return [];
    const of = (pick: (load: Measured<Load>) => number) => median(all.map(pick));
    return [[
      name,
      spread(all.map(serverUs)),
      of(clientUs).toFixed(2),
      of((load) => serverUs(load) + clientUs(load)).toFixed(2),
      of(({ value }) => value.rate).toFixed(0),
      of(({ value }) => value.p99_us).toFixed(0),
      `${of(busy).toFixed(0)} %`,
      `${of(({ others }) => others).toFixed(0)} %`,
    ]];
  });
  const gains = groups.flatMap(({ name, members }) => {
    const [one, two] = members.map((member) => results.get(member.name));
    if (!one || !two) return [];
    return [{ name, gains: one.map((load, i) => 2 * serverUs(load) / serverUs(two[i]!)) }];
  });
  const lines = [
    `workers: ${options.size}-byte messages, ${options.rounds} rounds of ${options.seconds} s; ` +
    "server and load share two cores",
    table(
      ["server", "CPU us/message", "client", "total", "messages/s", "p99 us", "busy", "others"],
      rows,
    ),
    ...notRunLines(notRun),
    ...gains.map(({ name, gains }) =>
      `${name}: by CPU time, 2 workers on 2 free cores serve ${spread(gains)} times the ` +
      `messages of 1, ${verdict(median(gains), TARGET, true)}`
    ),
  ];
  return {
    text: lines.join("\n"),
    data: { loads: Object.fromEntries(results), gains, not_run: Object.fromEntries(notRun) },
  };
}

/** One measured window of the C client, which may use both cores as well. */
async function load(
  context: Context,
  address: string,
  pid: number,
  connections: number,
): Promise<Load> {
  const { warmup, seconds, size } = context.options;
  const client = [context.built.client, "-w", String(warmup), "-p", String(pid), address];
  const command = [...BOTH_CORES, ...client, ...[connections, size, seconds].map(String)];
  return JSON.parse(await run(command, warmup + 2 * seconds + 20));
}
