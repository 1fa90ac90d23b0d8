// iomux client beside nc, ncat and socat: 1 GiB each way, from and to a pipe, a file and a device; a line's
// round trip, start-up, memory and wake-ups. In interleaved rounds, each program on its own core.
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Context, withServer } from "../support/context.ts";
import { whyMissing } from "../support/entries.ts";
import { clientCpu, root, sleep } from "../support/process.ts";
import { median, type Report, spread, table, verdict } from "../support/report.ts";

const GIB = 2 ** 30;
const LINES = 3000;
const STARTS = 20;
const programs = ["iomux", "nc", "ncat", "socat"] as const;
type Name = (typeof programs)[number];

/** The command line with which a program goes to an address; socat has to be told the direction. */
function commandOf(name: Name, address: string, way: "up" | "down" | "both"): string[] {
  const [host, port] = address.split(":") as [string, string];
  const tcp = `TCP:${address},nodelay`;
  return {
    iomux: ["dist/iomux", "client", address],
    nc: ["nc", "-N", host, port],
    ncat: ["ncat", host, port],
    socat: ["socat", ...{ up: ["-u", "-", tcp], down: ["-u", tcp, "-"], both: ["-", tcp] }[way]],
  }[name];
}

/** What a transfer is between: the client's standard input or output, and what feeds or empties it. */
const transfers = [
  { way: "up", what: "from a pipe", stdin: "pipe" },
  { way: "up", what: "from a file", stdin: "file" },
  { way: "up", what: "from /dev/zero", stdin: "/dev/zero" },
  { way: "down", what: "to a pipe", stdout: "pipe" },
  { way: "down", what: "to a file", stdout: "file" },
  { way: "down", what: "to /dev/null", stdout: "/dev/null" },
] as const;

interface Transfer {
  readonly mibPerS: number;
  readonly cpuMs: number;
}

/** CPU time and memory of a process that has just ended are not to be had, so bash says it of its child. */
const TIMED = 'TIMEFORMAT="%R %U %S"; { time "$@" <"$IN" >"$OUT" 2>/dev/null; } 2>"$TIMES"';

function transfer(
  folder: string,
  command: string[],
  { way, ...ends }: (typeof transfers)[number],
): Transfer {
  const [fifo, file, out] = ["fifo", "gib", "out"].map((name) => join(folder, name)) as [
    ...[string, string, string],
  ];
  const stdin = "stdin" in ends ? ends.stdin : "/dev/null";
  const stdout = "stdout" in ends ? ends.stdout : "/dev/null";
  const helper = stdin === "pipe"
    ? spawn("sh", ["-c", 'exec cat "$1" >"$2"', "sh", file, fifo])
    : stdout === "pipe"
    ? spawn("sh", ["-c", 'exec cat "$1" >/dev/null', "sh", fifo])
    : undefined;
  const pathOf = (end: string) => ({ pipe: fifo, file: way === "up" ? file : out })[end] ?? end;
  const times = join(folder, "times");
  // /dev/zero has no end, so this much is cut off by `head`, which is not counted: the client's own time is.
  const line = stdin === "/dev/zero"
    ? TIMED.replace('<"$IN"', '< <(head -c "$BYTES" /dev/zero)')
    : TIMED;
  const done = spawnSync("taskset", [
    "-c",
    String(clientCpu),
    "bash",
    "-c",
    line,
    "bash",
    ...command,
  ], {
    cwd: root,
    timeout: 120_000,
    env: {
      ...process.env,
      ...{ IN: pathOf(stdin), OUT: pathOf(stdout), TIMES: times, BYTES: String(GIB) },
    },
  });
  helper?.kill();
  if (done.status !== 0) throw new Error(`${command[0]} ended with ${done.signal ?? done.status}`);
  const [wall, user, system] = readFileSync(times, "utf8").trim().split(" ").map(Number) as [
    ...[number, number, number],
  ];
  if (stdout === "file" && statSync(out).size !== GIB) throw new Error(`${command[0]} lost bytes`);
  return { mibPerS: 1024 / wall, cpuMs: (user + system) * 1000 };
}

/** A client between two FIFOs, which this program holds the other ends of. */
async function betweenFifos<R>(
  folder: string,
  command: string[],
  use: (to: number, from: number, pid: number) => Promise<R>,
): Promise<R> {
  const [input, output] = [join(folder, "to"), join(folder, "from")];
  const child = spawn("taskset", [
    ...["-c", String(clientCpu), "sh", "-c", 'exec "$@" <"$IN" >"$OUT"', "sh", ...command],
  ], { cwd: root, env: { ...process.env, IN: input, OUT: output }, stdio: "ignore" });
  const to = openSync(input, constants.O_RDWR);
  const from = openSync(output, constants.O_RDWR);
  try {
    return await use(to, from, child.pid!);
  } finally {
    child.kill("SIGKILL");
    closeSync(to);
    closeSync(from);
  }
}

interface Talk {
  /** Median, in microseconds. */
  readonly roundTripUs: number;
  readonly rssMb: number;
  /** Of all threads, in two seconds. */
  readonly wakeups: number;
}

/** Lines to and fro, then nothing for two seconds. */
const talk = (folder: string, command: string[]): Promise<Talk> =>
  betweenFifos(folder, command, async (to, from, pid) => {
    const line = Buffer.from("a line of forty characters, all in all..\n");
    const back = Buffer.alloc(4096);
    const trips: number[] = [];
    for (let i = 0; i < LINES; i++) {
      const start = performance.now();
      writeSync(to, line);
      for (let got = 0; got < line.length;) got += readSync(from, back);
      if (i > LINES / 5) trips.push((performance.now() - start) * 1000);
    }
    await sleep(2);
    const before = switches(pid);
    await sleep(2);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const rssMb = Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)![1]) / 1000;
    return { roundTripUs: median(trips), rssMb, wakeups: switches(pid) - before };
  });

function switches(pid: number): number {
  const files = spawnSync("sh", ["-c", `cat /proc/${pid}/task/*/status`], { encoding: "utf8" });
  const counts = files.stdout.matchAll(/^voluntary_ctxt_switches:\s*(\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** `echo hi | client`, from the start to the end, in milliseconds. */
function startUp(command: string[]): number {
  const from = performance.now();
  const done = spawnSync(command[0]!, command.slice(1), {
    cwd: root,
    input: "hi\n",
    timeout: 10_000,
  });
  const ms = performance.now() - from;
  if (String(done.stdout) !== "hi\n") throw new Error(`${command[0]} printed ${done.stdout}`);
  return ms;
}

/** All ports of this machine, in seconds. */
function scanAll(): number {
  const from = performance.now();
  const args = ["client", "-z", "127.0.0.1", "1-65535"];
  const done = spawnSync("dist/iomux", args, { cwd: root, timeout: 60_000, encoding: "utf8" });
  if (!/ of 65,535 on /.test(done.stderr)) throw new Error(`the scan said: ${done.stderr}`);
  return (performance.now() - from) / 1000;
}

/** Runs the section. */
export async function client({ options, built, progress }: Context): Promise<Report> {
  const missing = whyMissing(["dist/iomux"]) ?? whyMissing(["bash"]);
  if (missing !== null) throw new Error(missing);
  const names = programs.filter((name) => name === "iomux" || whyMissing([name]) === null);
  const folder = built.dir;
  spawnSync("mkfifo", ["fifo", "to", "from"].map((name) => join(folder, name)));
  const gib = openSync(join(folder, "gib"), "w");
  for (let i = 0; i < 1024; i++) writeSync(gib, new Uint8Array(1 << 20).fill(i));
  closeSync(gib);
  const farEnd = (...args: string[]) => ["bun", join(root, "bench/support/far_end.ts"), ...args];
  const rows: string[][] = [];
  const data: unknown[] = [];

  for (const kind of transfers) {
    const found = new Map<Name, Transfer[]>(names.map((name) => [name, []]));
    await withServer(
      farEnd(kind.way === "up" ? "sink" : "source", String(GIB)),
      false,
      (a) => {
        for (let round = 0; round < Math.min(options.rounds, 3); round++) {
          for (const name of names) {
            found.get(name)!.push(transfer(folder, commandOf(name, a, kind.way), kind));
          }
        }
        return Promise.resolve();
      },
    );
    progress(`client: 1 GiB ${kind.way} ${kind.what}`);
    const best = (pick: (t: Transfer) => number, better: (...all: number[]) => number) =>
      better(...names.slice(1).map((name) => median(found.get(name)!.map(pick))));
    const mine = found.get("iomux")!;
    const rate = median(mine.map((t) => t.mibPerS)) / best((t) => t.mibPerS, Math.max);
    const cpu = median(mine.map((t) => t.cpuMs)) / best((t) => t.cpuMs, Math.min);
    for (const name of names) {
      const all = found.get(name)!;
      rows.push([
        ...[`${kind.way} ${kind.what}: ${name}`, spread(all.map((t) => t.mibPerS), 0)],
        spread(all.map((t) => t.cpuMs), 0),
      ]);
      data.push({ kind, name, all });
    }
    rows.push([
      ...[`  iomux / best`, `${rate.toFixed(2)} ${verdict(rate, 0.9, true)}`],
      `${cpu.toFixed(2)} ${verdict(cpu, 1.2)}`,
    ]);
  }

  const talks = new Map<Name, Talk[]>(names.map((name) => [name, []]));
  const starts = new Map<Name, number[]>(names.map((name) => [name, []]));
  await withServer(farEnd("echo"), false, async (address) => {
    for (let round = 0; round < Math.min(options.rounds, 3); round++) {
      for (const name of names) {
        talks.get(name)!.push(await talk(folder, commandOf(name, address, "both")));
      }
    }
    for (let round = 0; round < STARTS; round++) {
      for (const name of names.filter((each) => each !== "socat")) { // which waits half a second
        starts.get(name)!.push(startUp(commandOf(name, address, "both")));
      }
    }
  });
  const scan = scanAll();
  const empty = join(folder, "empty");
  writeFileSync(`${empty}.ts`, "export {};\n");
  spawnSync("bun", [
    "build",
    "--compile",
    "--minify",
    "--bytecode",
    "--format=esm",
    "--outfile",
    empty,
    `${empty}.ts`,
  ]);
  const runtime = median(Array.from({ length: STARTS }, () => {
    const from = performance.now();
    spawnSync(empty);
    return performance.now() - from;
  }));
  const pick = (name: Name, of: (t: Talk) => number) => median(talks.get(name)!.map(of));
  const talkRows = names.map((name) => [
    name,
    pick(name, (t) => t.roundTripUs).toFixed(1),
    pick(name, (t) => t.rssMb).toFixed(1),
    pick(name, (t) => t.wakeups).toFixed(0),
    starts.get(name)!.length === 0 ? "–" : spread(starts.get(name)!, 1),
  ]);
  const others = names.slice(1);
  const trip = pick("iomux", (t) => t.roundTripUs) /
    Math.min(...others.map((name) => pick(name, (t) => t.roundTripUs)));
  const rss = pick("iomux", (t) => t.rssMb);
  const wakeups = pick("iomux", (t) => t.wakeups);
  const start = median(starts.get("iomux")!);
  const allowed = 3 * median(starts.get("nc") ?? []) + runtime;
  const lines = [
    table(["client: 1 GiB", "MiB/s (range)", "CPU ms (range)"], rows),
    "",
    table(
      ["client", "line's round trip us", "peak RSS MB", "wake-ups in 2 s idle", "start-up ms"],
      talkRows,
    ),
    `round trip, iomux / best: ${trip.toFixed(2)} ${verdict(trip, 1.3)}`,
    `peak RSS: ${rss.toFixed(1)} MB ${verdict(rss, 60)}`,
    `wake-ups: ${wakeups} ${verdict(wakeups, 0)}`,
    `start-up: ${start.toFixed(1)} ms, ${runtime.toFixed(1)} of it the runtime's; ` +
    verdict(start, Number(allowed.toFixed(1))),
    `-z 1-65535 on the loopback: ${scan.toFixed(1)} s ${verdict(scan, 5)}`,
  ];
  return {
    text: lines.join("\n"),
    data: { transfers: data, talks: [...talks], starts: [...starts], runtime, scan },
  };
}
