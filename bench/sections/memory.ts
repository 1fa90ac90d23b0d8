// Resident memory of a server for each idle connection: before and after many have connected and
// exchanged one message each. The server is new, so whatever it first has to load counts too.
import { readFileSync } from "node:fs";
import { type Context, inRounds, withServer } from "../support/context.ts";
import { targeted } from "../support/entries.ts";
import { clientCpu, type Program, run, sleep, start } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table, verdict } from "../support/report.ts";

const target = 2048;
const settleSeconds = 1;
const holdSeconds = 60;

/** Runs the section. */
export async function memory(context: Context): Promise<Report> {
  const { entries, options, progress } = context;
  await checkFileLimit(options.idle);
  const rounds = Math.min(options.rounds, 3);
  const { results, notRun } = await inRounds(entries, rounds, async (entry, round) => {
    const result = await withServer(entry.command, true, (address, server) => {
      return measure(context, address, server);
    });
    const each = `${Math.round(result.bytes_per_connection)} bytes/connection`;
    progress(`memory ${round + 1}/${rounds} ${entry.name}: ${each}`);
    return result;
  });

  const data = entries.flatMap(({ name }) => {
    const all = results.get(name);
    if (!all) return [];
    const each = all.map((r) => r.bytes_per_connection);
    return [{
      name,
      bytes_per_connection: median(each),
      before: median(all.map((r) => r.before)),
      each,
    }];
  });
  const lines = [
    `memory: ${options.idle} idle connections, ${rounds} rounds`,
    table(
      ["server", "bytes/connection (range)", "MB before"],
      data.map((d) => [d.name, spread(d.each, 0), (d.before / 1e6).toFixed(1)]),
    ),
    ...notRunLines(notRun),
    ...data.filter((d) => targeted.includes(d.name)).map((d) =>
      `${d.name}: ${d.bytes_per_connection.toFixed(0)} bytes, ${
        verdict(d.bytes_per_connection, target)
      }`
    ),
  ];
  return { text: lines.join("\n"), data: { servers: data, not_run: Object.fromEntries(notRun) } };
}

async function measure({ built, options }: Context, address: string, server: Program) {
  await sleep(settleSeconds);
  const before = residentBytes(server.pid);
  const command = [built.client, "idle", address, String(options.idle), String(holdSeconds)];
  const client = start(command, { cpu: clientCpu, manyFiles: true });
  try {
    await client.match(/ready \d+/, holdSeconds);
    await sleep(settleSeconds);
    const after = residentBytes(server.pid);
    return { before, after, bytes_per_connection: (after - before) / options.idle };
  } finally {
    client.closeStdin();
    await client.stop();
  }
}

function residentBytes(pid: number): number {
  const found = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+) kB$/m);
  if (!found) throw new Error(`no VmRSS of process ${pid}`);
  return Number(found[1]) * 1024;
}

async function checkFileLimit(connections: number): Promise<void> {
  const limit = (await run(["sh", "-c", "ulimit -H -n"], 5)).trim();
  if (limit === "unlimited" || Number(limit) >= connections + 256) return;
  throw new Error(`${connections} connections do not fit the limit of ${limit} open files`);
}
