// A million connections, as far as a machine goes: bun bench/many.ts [--connections N] [--think S]
// [--seconds S]. Several processes of `iomux serve` share a port, as many of `iomux stress` connect from
// loopback addresses of their own; each connection has a verified message when it begins, and another one
// after each --think. In the middle of that it is looked at what a connection costs, in user memory and in
// each of the kernel's caches. Needs root, for /proc/slabinfo.
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { resident, type Result, startServers, summary, sumOf, warm } from "./sections/scale.ts";
import { iomux, targeted, whyMissing } from "./support/entries.ts";
import { type Program, sleep, start } from "./support/process.ts";
import { table } from "./support/report.ts";

/** Connections of a process: one may have 20,000 open files. */
const EACH = 19_000;
const PAGE = 4096;
const MILLION = 1_000_000;
/** Rows of caches that take less than this for a connection say nothing. */
const LEAST_BYTES = 8;

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "100000" },
    think: { type: "string", default: "10" },
    seconds: { type: "string", default: "40" },
  },
});
const connections = Number(values.connections);
const [think, seconds] = [Number(values.think), Number(values.seconds)];
if (!(connections >= EACH && think > 0 && seconds > think)) {
  process.stderr.write(`bench: --connections from ${EACH}, --seconds longer than --think\n`);
  process.exit(2);
}

/** Bytes of memory, by who holds them. */
type Memory = Record<string, number>;

/** The kernel's caches, and what its sockets hold in buffers. */
function kernelMemory(): Memory {
  const memory: Memory = {};
  for (const line of readFileSync("/proc/slabinfo", "utf8").split("\n").slice(2)) {
    const fields = line.split(/\s+/);
    if (fields.length > 14) memory[fields[0]!] = Number(fields[5]) * Number(fields[14]) * PAGE;
  }
  const pages = /^TCP:.* mem (\d+)$/m.exec(readFileSync("/proc/net/sockstat", "utf8"))![1];
  memory["buffers (sockstat)"] = Number(pages) * PAGE;
  return memory;
}

/** How many processes hold so many connections. */
const processesFor = (count: number) => Math.ceil(count / EACH);
const processes = processesFor(connections);

interface Held {
  result: Result;
  memory: Memory;
}

/** Holds so many connections, and looks at the memory when each of them has been there for a while. */
async function hold(
  command: string[],
  count: number,
  think: number,
  seconds: number,
): Promise<Held> {
  const [servers, address] = await startServers(command, processes);
  const before = kernelMemory();
  const each = Math.ceil(count / processes);
  const generators: Program[] = Array.from({ length: processes }, (_, i) => {
    const sources = [1, 2].map((host) => `127.${1 + (i >> 8)}.${i & 255}.${host}`).join(",");
    const args = ["-c", String(each), "--think", `${think}s`, "-d", `${seconds}s`, "--json"];
    args.push("--timeout", "60s"); // a hundred processes take turns on a few processors
    const more = ["--source", sources, "--connect-rate", String(Math.ceil(20_000 / processes))];
    return start([...command, "stress", address, ...args, ...more], { manyFiles: true });
  });
  try {
    const ended = Promise.all(generators.map((one) => one.output(seconds + 600)));
    let memory: Memory = {};
    for (let over = false; !over;) {
      const sample = kernelMemory();
      for (const name of Object.keys(sample)) sample[name]! -= before[name] ?? 0;
      const users = { serve: servers, stress: generators };
      for (const [name, programs] of Object.entries(users)) {
        sample[name] = resident(programs.map(({ pid }) => pid));
      }
      // The fullest moment, with all generators alive.
      const total = (of: Memory) => Object.values(of).reduce((sum, bytes) => sum + bytes, 0);
      if (sample.serve! > 0 && sample.stress! > 0 && total(sample) > total(memory)) memory = sample;
      over = await Promise.race([ended.then(() => true), sleep(0.5).then(() => false)]);
    }
    return { result: sumOf((await ended).map((text) => JSON.parse(text))), memory };
  } finally {
    await Promise.all([...generators, ...servers].map((one) => one.stop()));
  }
}

const name = targeted.findLast((name) => whyMissing(iomux[name]!) === null)!;
const few = await hold(iomux[name]!, warm * processes, think, 1.5 * think);
const many = await hold(iomux[name]!, connections, think, seconds);
const { established, verified, errors } = summary(many.result);
const added = established - summary(few.result).established;
const rows = Object.keys(many.memory).map((key): [string, number] => [
  key,
  (many.memory[key]! - (few.memory[key] ?? 0)) / added,
]).filter(([, bytes]) => bytes >= LEAST_BYTES).sort(([, a], [, b]) => b - a);
const all = rows.reduce((sum, [, bytes]) => sum + bytes, 0);
const base = (key: string) => (few.memory[key]! / processes - warm * new Map(rows).get(key)!) / 1e6;
process.stdout.write(
  [
    `many: ${name}, ${processes} processes on each side: ${established} established, ` +
    `${verified} messages verified, ${errors} errors, ${many.result.duration_s.toFixed(1)} s`,
    table(
      ["memory", "bytes/connection", "GB for a million"],
      [...rows, ["all", all] as [string, number]].map(([key, bytes]) => [
        key,
        bytes.toFixed(0),
        (bytes * MILLION / 1e9).toFixed(2),
      ]),
    ),
    `and ${processesFor(MILLION)} processes on each side, of ${base("serve").toFixed(0)} MB ` +
    `(serve) and ${base("stress").toFixed(0)} MB (stress); both ends are on this machine.`,
    "",
  ].join("\n"),
);
process.exitCode = errors > 0 ? 1 : 0;
