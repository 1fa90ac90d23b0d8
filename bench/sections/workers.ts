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
 * How busy the workers are. Three threads on two cores: by default the kernel runs a worker as soon as
 * there is one message for it, which costs a wake-up each. Behind the load (`nice`) workers find many
 * messages when it is their turn, as a busy worker with a core of its own does: that is the case in
 * which a second one is wanted, and the one that the target is about.
 */
const MODES = [
  { what: "eager", pre: [], target: null },
  { what: "busy", pre: ["nice", "-n", "19"], target: TARGET },
];

const serverUs = ({ value }: Measured<Load>) => value.server!.cpu_ns / value.messages / 1000;
const clientUs = ({ value }: Measured<Load>) => value.client_cpu_ns / value.messages / 1000;
const busy = ({ value }: Measured<Load>) => value.server!.cpu_ns / value.seconds / 1e7;

/** Runs the section. */
export async function workers(context: Context): Promise<Report> {
  const { options, progress } = context;
  const groups = context.entries.filter(({ name }) => targeted.includes(name)).flatMap((entry) =>
    MODES.map((mode) => ({ ...mode, entry, name: `${entry.name}, ${mode.what}` }))
  ).map(({ entry, name, pre, target }) => ({
    name,
    target,
    members: [1, 2].map((count) => ({
      name: `${name}, ${count} worker${count > 1 ? "s" : ""}`,
      command: [...BOTH_CORES, ...pre, ...entry.command, "--workers", String(count)],
      missing: entry.missing,
    })),
  }));
  const candidates = groups.flatMap(({ members }) => members);
  const { results, notRun } = await inRounds(candidates, options.rounds, async (candidate) => {
    const { command, name } = candidate;
    const result = await quietly(
      context,
      command,
      (address, { pid }) => load(context, address, pid),
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
  const gains = groups.flatMap(({ name, target, members }) => {
    const [one, two] = members.map((member) => results.get(member.name));
    if (!one || !two) return [];
    return [{ name, target, gains: one.map((load, i) => 2 * serverUs(load) / serverUs(two[i]!)) }];
  });
  const lines = [
    `workers: ${options.connections} connections, ${options.size}-byte messages, ${options.rounds} rounds of ${options.seconds} s; ` +
    "server and load share two cores",
    table(
      ["server", "CPU us/message", "client", "total", "messages/s", "p99 us", "busy", "others"],
      rows,
    ),
    ...notRunLines(notRun),
    ...gains.map(({ name, target, gains }) =>
      `${name}: by CPU time, 2 workers on 2 free cores serve ${spread(gains)} times the messages ` +
      `of 1` + (target === null ? "" : `, ${verdict(median(gains), target, true)}`)
    ),
  ];
  return {
    text: lines.join("\n"),
    data: { loads: Object.fromEntries(results), gains, not_run: Object.fromEntries(notRun) },
  };
}

/** One measured window of the C client, which may use both cores as well. */
async function load(context: Context, address: string, pid: number): Promise<Load> {
  const { warmup, seconds, connections, size } = context.options;
  const client = [context.built.client, "-w", String(warmup), "-p", String(pid), address];
  const command = [...BOTH_CORES, ...client, ...[connections, size, seconds].map(String)];
  return JSON.parse(await run(command, warmup + 2 * seconds + 20));
}
