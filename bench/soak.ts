// The soak: bun bench/soak.ts [SCENARIO...] [OPTIONS]. See README.md beside it.
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Outcome, type Scenario, scenarios, unequal } from "./soak/scenarios.ts";
import { Watch } from "./soak/watch.ts";
import { iomux, whyMissing } from "./support/entries.ts";
import { clientCpu, run, serverCpu, sleep, start } from "./support/process.ts";
import { table } from "./support/report.ts";
import type { EngineName } from "../lib/engine/mod.ts";

const help = `usage: bun bench/soak.ts [SCENARIO...] [OPTIONS]

Scenarios (all when none is named):
${scenarios.map((s) => `  ${s.name.padEnd(12)}${s.connections} ${s.what}`).join("\n")}

Options:
  --seconds S         how long each is held (60)
  --server NAME       ${Object.keys(iomux).join(", ")} (the compiled one if it is built)
  --engine NAME       of the server and of the load: readiness (the default) or uring
  --seed N            of what is drawn at random (1)
  --json FILE         write everything that was seen there
  --help              this text
`;

/** Until then a runtime compiles, and buffers find their size: memory need not be flat yet. */
const SETTLING = 10;

class UsageError extends Error {}

function parse() {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...{ seconds: text, server: text, engine: text, seed: text, json: text },
      help: { type: "boolean" },
    },
  });
  const { json, help } = values;
  const [seconds, seed] = [Number(values.seconds ?? 60), Number(values.seed ?? 1)];
  if (!(Number.isInteger(seconds) && seconds >= 1)) {
    throw new UsageError("--seconds must be a whole number from 1");
  }
  if (!Number.isInteger(seed) || seed < 0) throw new UsageError("--seed must be a whole number");
  const names = scenarios.map(({ name }) => name);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`no scenario ${unknown}: ${names.join(", ")}`);
  const built = whyMissing(iomux["iomux-compiled"]!) === null;
  const server = values.server ?? (built ? "iomux-compiled" : "iomux-bun");
  const command = iomux[server];
  if (!command) throw new UsageError(`no server ${server}: ${Object.keys(iomux).join(", ")}`);
  const engine = (values.engine ?? "readiness") as EngineName;
  if (!["readiness", "uring"].includes(engine)) {
    throw new UsageError("--engine: readiness or uring");
  }
  const chosen = scenarios.filter(({ name }) =>
    positionals.length === 0 || positionals.includes(name)
  );
  return { seconds, seed, server, command, engine, chosen, json, help };
}

interface Row {
  scenario: string;
  outcome: Outcome | null;
  cells: string[];
  problems: string[];
}

/** Runs one scenario on a new server, with the load in a process of its own. */
async function soak(
  scenario: Scenario,
  command: string[],
  engine: EngineName,
  seconds: number,
  seed: number,
): Promise<Row> {
  const serve = ["serve", "-H", "127.0.0.1", "-p", "0", "--stats", "--engine", engine];
  const server = start([...command, ...serve, ...scenario.serverArgs(seed)], {
    cpu: serverCpu,
    manyFiles: true,
  });
  try {
    const [, port] = await server.match(/listening on \S+:(\d+)\n/, 20);
    const watch = new Watch(server);
    await sleep(0.3);
    const before = watch.fds;
    const numbers = [port!, seconds, scenario.connections, seed].map(String);
    const load = start(
      [process.execPath, "bench/soak/load.ts", scenario.name, engine, ...numbers],
      {
        cpu: clientCpu,
        manyFiles: true,
      },
    );
    try {
      await load.match(/begun/, 70);
      const began = performance.now();
      const over = load.match(/^(\{.*\})\n/m, seconds + 150);
      over.catch(() => {}); // told below
      for (let at = 0; at < seconds; at = (performance.now() - began) / 1000) {
        await watch.sample(at);
        const ended = await Promise.race([over.then(() => true), sleep(1).then(() => false)]);
        if (ended) break;
      }
      const seen: Outcome["seen"] = JSON.parse((await over)[1]!);
      await load.output(10);
      await quiet(watch);
      const after = watch.fds;
      const settled = Math.min(SETTLING, seconds * 0.4);
      const outcome = { seen, samples: watch.samples, settled, final: await watch.stats() };
      process.kill(server.pid, "SIGTERM");
      await server.output(15); // rejects unless it ends with 0
      return row(scenario, outcome, watch, before, after);
    } finally {
      await load.stop();
    }
  } finally {
    await server.stop();
  }
}

/** Waits until the server has noticed that everybody is gone: cut connections linger for a second. */
async function quiet(watch: Watch): Promise<void> {
  for (let i = 0; i < 100 && (await watch.stats()).active > 0; i++) await sleep(0.1);
}

function row(s: Scenario, outcome: Outcome, watch: Watch, before: number, after: number): Row {
  const { seen, final, settled, samples } = outcome;
  const { first, last, flat } = watch.memory(settled);
  const most = Math.max(...samples.map(({ fds }) => fds));
  const problems = [
    ...unequal({
      "connections that failed, none": [seen.failed, 0],
      "connections that were lost, none": [seen.lost, 0],
      "connections with wrong bytes, none": [seen.wrong, 0],
      "opened, dialled": [seen.opened, seen.dialled],
      "accepted, opened": [final.accepted, seen.opened],
      "closed, accepted": [final.closed, final.accepted],
      "active at the end, none": [final.active, 0],
      "rejected and denied, none": [final.rejected + final.denied, 0],
      "descriptors at the end, before": [after, before],
    }),
    ...(flat ? [] : [`memory went from ${mb(first)} to ${mb(last)} MB`]),
    ...s.problems(outcome),
  ];
  if (seen.first_wrong !== null) problems.push(JSON.stringify(seen.first_wrong));
  const cells = [
    s.name,
    seen.seconds.toFixed(0),
    String(seen.opened),
    String(Math.max(...samples.map(({ stats }) => stats.active))),
    String(seen.messages),
    mb(seen.bytes_received),
    String(seen.lost + seen.failed + seen.wrong),
    `${seen.resets} / ${seen.cuts}`,
    `${mb(first)} → ${mb(last)}`,
    `${before} / ${most} / ${after}`,
    seen.slowest_ms.toFixed(0),
    problems.length === 0 ? "ok" : "FAILED",
  ];
  return { scenario: s.name, outcome, cells, problems };
}

/** Why this machine can't do it, or null. */
async function whyImpossible(chosen: Scenario[]): Promise<string | null> {
  if (process.platform !== "linux") return "it reads /proc, which only Linux has";
  const limit = (await run(["sh", "-c", "ulimit -H -n"], 5)).trim();
  const needed = Math.max(...chosen.map(({ connections }) => connections)) + 300;
  if (limit !== "unlimited" && Number(limit) < needed) {
    return `${needed} open files are needed for each process, and the limit is ${limit}`;
  }
  return whyMissing(["taskset"]);
}

const mb = (bytes: number) => (bytes / 1e6).toFixed(0);

async function main(): Promise<number> {
  const { seconds, seed, server, command, engine, chosen, json, help: wanted } = parse();
  if (wanted) return process.stdout.write(help), 0;
  const missing = whyMissing(command) ?? await whyImpossible(chosen);
  if (missing !== null) {
    process.stdout.write(`not run: soak: ${missing}\n`);
    return 77; // what .ci/run takes for that
  }
  const rows: Row[] = [];
  for (const scenario of chosen) {
    const { name, connections, what } = scenario;
    process.stderr.write(`${name}: ${connections} ${what}, ${seconds} s\n`);
    try {
      rows.push(await soak(scenario, command, engine, seconds, seed));
    } catch (error) {
      const cells = [name, ...Array.from({ length: 10 }, () => "-"), "FAILED"];
      rows.push({ scenario: name, outcome: null, cells, problems: [(error as Error).message] });
    }
    for (const problem of rows.at(-1)!.problems) process.stderr.write(`  ${problem}\n`);
  }
  const head = ["scenario", "s", "opened", "at a time", "messages", "MB back", "lost"];
  const more = ["resets / cuts", "MB resident", "descriptors", "slowest ms", "verdict"];
  process.stdout.write(`${server} on ${engine}, ${seconds} s each, --seed ${seed}\n`);
  process.stdout.write(table([...head, ...more], rows.map(({ cells }) => cells)) + "\n");
  if (json !== undefined) writeFileSync(json, JSON.stringify(rows, null, 2) + "\n");
  const failed = rows.filter(({ problems }) => problems.length > 0);
  for (const { scenario, problems } of failed) {
    process.stdout.write(`${scenario}: ${problems.join("; ")}\n`);
  }
  return failed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError ||
    (error as { code?: string }).code?.startsWith("ERR_PARSE");
  process.stderr.write(`soak: ${(error as Error).message}${usage ? " (--help shows how)" : ""}\n`);
  process.exitCode = usage ? 2 : 1;
}
