// The benchmark: bun bench/run.ts [SECTION...] [OPTIONS]. See README.md beside it.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { engine, engineServers } from "./sections/engine.ts";
import { client } from "./sections/client.ts";
import { growth } from "./sections/growth.ts";
import { generator } from "./sections/generator.ts";
import { memory } from "./sections/memory.ts";
import { pingpong } from "./sections/pingpong.ts";
import { scale } from "./sections/scale.ts";
import { schedule } from "./sections/schedule.ts";
import { selectors } from "./sections/selectors.ts";
import { server } from "./sections/server.ts";
import { startup } from "./sections/startup.ts";
import { tls } from "./sections/tls.ts";
import { workers } from "./sections/workers.ts";
import { build, makeTemporary } from "./support/build.ts";
import type { Context, Options } from "./support/context.ts";
import { baseline, servers, whyMissing } from "./support/entries.ts";
import type { Report } from "./support/report.ts";

const help = `usage: bun bench/run.ts [SECTION...] [OPTIONS]

Sections (all when none is named):
  server      CPU time of each server for one message, against a C server
  generator   rate of iomux stress, against a C client
  pingpong    round trip of one message, against a C client and sockperf
  workers     CPU time of iomux serve for one message with 1 and with 2 workers,
              with the load on the same two cores
  memory      resident memory of each server for one idle connection
  client      1 GiB through iomux client, a line's round trip, start-up, memory,
              wake-ups, beside nc, ncat and socat
  startup     time of dist/iomux --version, against an empty program
  tls         CPU time of iomux serve for one message with TLS and without, and
              memory after thousands of handshakes
  selectors   CPU time of one wait and of one registration, for each selector and
              10 to 10,000 idle descriptors, against C and Python
  scale       19,000 connections held by iomux stress, 60,000 from four processes,
              and 60,000 connects to one port: time, errors, memory of each
  schedule    CPU time of iomux stress --rate for one message, against tcpkali
  engine      CPU time of both engines for one message, of many shapes, against C on
              epoll and on io_uring and others, in short interleaved slices: 20
              rounds of 0.5 s after 0.1 s, where nothing else is said
  growth      the same for 10 busy connections among 10 to 10,000, for both engines
              and C: what it grows by

Options:
  --rounds N          rounds of the server and generator sections (5); of the
                      memory and selectors sections, at most 3
  --seconds S         measured window of each measurement (2); of selectors, which
                      has hundreds of them, S / 200
  --warmup S          load before the window (1)
  --connections N     connections under load (50)
  --size N            bytes of one message (64)
  --idle N            idle connections of the memory section (10000)
  --quiet PERCENT     repeat a measurement, twice at most, while other programs
                      take more than this of the two cores (10)
  --only A,B,...      only these servers, and the C server with them
  --case A,B,...      only cases of the engine and the scale section whose name
                      contains one of these
  --json FILE         write all figures there too
  --plot FILE         write the plot of the selectors or the growth section there,
                      as SVG
  --list              say what would be run, and what cannot
  --help              this text
`;

const sections: Record<string, (context: Context) => Promise<Report>> = {
  server,
  workers,
  generator,
  pingpong,
  memory,
  client,
  startup,
  tls,
  selectors,
  scale,
  schedule,
  engine,
  growth,
};

class UsageError extends Error {}

function parse() {
  const text = { type: "string" } as const, flag = { type: "boolean" } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...{ rounds: text, seconds: text, warmup: text, connections: text, size: text, idle: text },
      quiet: text,
      ...{ only: text, case: text, json: text, plot: text, list: flag, help: flag },
    },
  });
  const number = (name: keyof Options, fallback: number, least: number, whole = true): number => {
    const value = values[name] === undefined ? fallback : Number(values[name] || NaN);
    if (value >= least && (!whole || Number.isInteger(value))) return value;
    throw new UsageError(`--${name} must be ${whole ? "an integer" : "a number"} from ${least}`);
  };
  const isSliced = (section: string) => section === "engine" || section === "growth";
  const optionsOf = (section: string): Options => ({
    rounds: number("rounds", isSliced(section) ? 20 : 5, 1),
    seconds: number("seconds", isSliced(section) ? 0.5 : 2, 0.1, false),
    warmup: number("warmup", isSliced(section) ? 0.1 : 1, 0, false),
    connections: number("connections", 50, 1),
    size: number("size", 64, 1),
    idle: number("idle", 10_000, 1),
    quiet: number("quiet", 10, 0, false),
  });
  optionsOf("server"); // what is wrong is said before anything runs
  const chosen = positionals.length > 0 ? positionals : Object.keys(sections);
  const unknown = chosen.find((name) => !Object.hasOwn(sections, name));
  if (unknown) throw new UsageError(`no section ${unknown}: ${Object.keys(sections).join(", ")}`);
  const list = (text: string | undefined) => text?.split(",").map((name) => name.trim()) ?? null;
  const only = list(values.only), cases = list(values.case);
  const names = [...new Set([...servers(null).map(({ name }) => name), ...engineServers])];
  const stranger = only?.find((name) => !names.includes(name));
  if (stranger !== undefined) throw new UsageError(`no server ${stranger}: ${names.join(", ")}`);
  const isChosen = ({ name }: { name: string }) =>
    only === null || only.includes(name) || name === baseline;
  const isCase = (name: string) => cases === null || cases.some((part) => name.includes(part));
  const { json, plot, list: listed, help } = values;
  if (plot !== undefined && !chosen.some((name) => name === "selectors" || name === "growth")) {
    throw new UsageError(
      "--plot is of the sections selectors and growth, neither of which is chosen",
    );
  }
  return { optionsOf, chosen, isChosen, isCase, json, plot, list: listed, help };
}

async function main(): Promise<number> {
  const { optionsOf, chosen, isChosen, isCase, json, plot, list, help: wanted } = parse();
  if (wanted) return print(help);
  if (list) {
    const lines = servers(null).filter(isChosen).map(({ name, what, missing }) =>
      `  ${name.padEnd(16)}${what}${missing === null ? "" : ` (cannot run: ${missing})`}`
    );
    return print(`sections: ${chosen.join(", ")}\nservers:\n${lines.join("\n")}\n`);
  }
  const missing = whyMissing(["taskset"]) ?? whyMissing(["cc"]);
  if (missing !== null) throw new Error(missing);
  if (cpus().length < 2) throw new Error("two cores are needed: one for the server, one for load");

  const built = await build(makeTemporary());
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  const entries = servers(built).filter(isChosen);
  const machine = {
    cpu: cpus()[0]!.model,
    cores: cpus().length,
    kernel: release(),
    load: loadLine(),
  };
  const figures: Record<string, unknown> = { machine };
  print(
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, load average ${machine.load}\n`,
  );
  let failed = 0;
  for (const name of chosen) {
    try {
      const options = optionsOf(name);
      const context: Context = { options, built, entries, isChosen, isCase, progress };
      const report = await sections[name]!(context);
      figures["options"] = options;
      figures[name] = report.data;
      print(`\n${report.text}\n`);
      if (plot !== undefined && report.plot !== undefined) writeFileSync(plot, report.plot);
    } catch (error) {
      failed = 1;
      figures[name] = { not_run: (error as Error).message };
      print(`\n${name}: not run: ${(error as Error).message}\n`);
    }
  }
  if (json !== undefined) writeFileSync(json, JSON.stringify(figures, null, 2) + "\n");
  return failed;
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

function loadLine(): string {
  return readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError ||
    (error as { code?: string }).code?.startsWith("ERR_PARSE");
  process.stderr.write(`bench: ${(error as Error).message}${usage ? " (--help shows how)" : ""}\n`);
  process.exitCode = usage ? 2 : 1;
}
