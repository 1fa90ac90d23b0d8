// How far `iomux stress` goes: as many held connections as one process may have, more of them over
// several processes on both sides, and more connects to one port than an address has ports. All
// messages are verified, against an `iomux serve` of its own process.
import { readFileSync } from "node:fs";
import type { Context } from "../support/context.ts";
import { Socket } from "../../lib/net/mod.ts";
import { iomux, targeted, whyMissing } from "../support/entries.ts";
import { type Program, run, sleep, start } from "../support/process.ts";
import { median, type Report, table, verdict } from "../support/report.ts";

/** Bytes of memory for a held connection, of the generator and of the server. */
const target = 600;
/** What both sides wait with. */
const engines = ["readiness", "uring"];
/** As many as fit below a limit of 20,000 open files, and as no process could have. */
const held = 19_000;
const heldByMany = 60_000;
const processes = 4;
/** More than there are ports from 32768 to 60999. */
const connects = 60_000;
const holdSeconds = 5;
/** How often memory is looked at. */
const SAMPLE_MS = 200;
/** For several processes to start and to connect. */
const connectSeconds = 15;
/** Connections of a process after which all of its code has run, and is compiled: that takes 4 to 5 MB. */
export const warm = 10_000;
/** For everything else of a run. */
const patience = 120;

/** What is printed of a run. */
interface Row {
  what: string;
  generators: number;
  servers: number;
  established: number;
  verified: number;
  /** Failed connects, lost connections, mismatches, timeouts. */
  errors: number;
  seconds: number;
  /** Bytes of memory for a connection, of all generators and of all servers. */
  generatorBytes: number | null;
  serverBytes: number | null;
}

/** The part of a result that is used. */
export interface Result {
  started_at: string;
  duration_s: number;
  connections: { established: number; failed: number; lost: number };
  messages: { verified: number; mismatched: number; timed_out: number; lost: number };
  errors: Record<string, number>;
}

/** Runs the section. */
export async function scale({ options, progress, isCase }: Context): Promise<Report> {
  const name = targeted.findLast((name) => whyMissing(iomux[name]!) === null);
  if (name === undefined) throw new Error("no iomux that could run");
  const command = iomux[name]!;
  const rows: Row[] = [];
  const add = async (what: string, measure: (what: string) => Promise<Row>) => {
    if (!isCase(what)) return;
    const row = await measure(what);
    rows.push(row);
    const bytes = [row.generatorBytes, row.serverBytes].map((each) => each?.toFixed(0) ?? "-");
    progress(
      `scale ${row.what}: ${row.verified} verified, ${bytes.join(" and ")} bytes/connection`,
    );
  };
  const rounds = Math.min(options.rounds, 3);
  for (const engine of engines) {
    const once = (what: string) => hold(what, command, held, 1, engine);
    await add(`${held} held, ${engine}`, (what) => medianOf(rounds, () => once(what)));
  }
  await add(`${heldByMany} held`, (what) => hold(what, command, heldByMany, processes, "auto"));
  await add(`${connects} connects to one port`, (what) => churn(what, command));
  const lines = [
    `scale: ${name}, one verified message on each connection (${name} serve on the other side)`,
    table(
      ["run", "generators", "servers", "established", "verified", "errors", "seconds"]
        .concat("generator bytes/connection", "server bytes/connection"),
      rows.map((row) => [
        row.what,
        ...[row.generators, row.servers, row.established, row.verified, row.errors].map(String),
        row.seconds.toFixed(1),
        row.generatorBytes?.toFixed(0) ?? "",
        row.serverBytes?.toFixed(0) ?? "",
      ]),
    ),
    ...rows.flatMap(({ what, generatorBytes, serverBytes }) =>
      Object.entries({ generator: generatorBytes, server: serverBytes }).flatMap(([side, bytes]) =>
        bytes === null
          ? []
          : `${what}: ${bytes.toFixed(0)} bytes of the ${side} for a connection, ${
            verdict(bytes, target)
          }`
      )
    ),
  ];
  return { text: lines.join("\n"), data: { name, rows } };
}

/** Of so many measurements, as what is garbage when memory is looked at differs by as much as 100 bytes. */
async function medianOf(rounds: number, measure: () => Promise<Row>): Promise<Row> {
  const rows: Row[] = [];
  while (rows.length < rounds) rows.push(await measure());
  return {
    ...rows[0]!,
    errors: rows.reduce((sum, { errors }) => sum + errors, 0),
    generatorBytes: median(rows.map(({ generatorBytes }) => generatorBytes!)),
    serverBytes: median(rows.map(({ serverBytes }) => serverBytes!)),
  };
}

/**
 * Servers on one port. Each is given a listening socket of its own, as systemd(1) would; by SO_REUSEPORT
 * the kernel spreads connects over them evenly, which a socket that they share would not do.
 */
export async function startServers(
  command: string[],
  count: number,
  engine = "auto",
): Promise<[Program[], string]> {
  const servers: Program[] = [];
  let port = 0;
  using first = Socket.listen({ host: "127.0.0.1", port, reusePort: true });
  port = (first.localAddress as { port: number }).port;
  try {
    for (let i = 0; i < count; i++) {
      const options = { host: "127.0.0.1", port, reusePort: true };
      const listener = i === 0 ? first : Socket.listen(options);
      const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"';
      const server = start(["sh", "-c", script, "sh", ...command, "serve", "--engine", engine], {
        manyFiles: true,
        listenFd: listener.fileno(),
      });
      servers.push(server);
      await server.match(/listening on /, 10);
      listener.close();
    }
    return [servers, `127.0.0.1:${port}`];
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()));
    throw error;
  }
}

/** Memory at a moment, in bytes. */
interface Sample {
  at: number;
  generator: number;
  server: number;
}

/**
 * Connections that exchange a message and stay. Memory is compared with that of as many connections less
 * that the programs are warm, and is looked at by the end of the time in which all are idle.
 */
async function hold(
  what: string,
  command: string[],
  connections: number,
  count: number,
  engine: string,
): Promise<Row> {
  const [servers, address] = await startServers(command, count, engine);
  const ours = servers.map(({ pid }) => pid);
  const stress = async (connections: number) => {
    const each = String(Math.ceil(connections / count));
    const args = ["-c", each, "--hold", "-d", `${holdSeconds}s`, "--json"]
      .concat("--client-engine", engine);
    // Several processes start together, as docs/distributed.md has it.
    const at = count > 1 ? ["--start-at", `+${connectSeconds}s`] : [];
    const programs = Array.from(
      { length: count },
      () => start([...command, "stress", address, ...args, ...at], { manyFiles: true }),
    );
    try {
      const ended = Promise.all(programs.map((program) => program.output(patience)));
      const samples: Sample[] = [];
      for (let over = false; !over;) {
        const generator = resident(programs.map(({ pid }) => pid));
        samples.push({ at: Date.now(), generator, server: resident(ours) });
        over = await Promise.race([
          ended.then(() => true),
          sleep(SAMPLE_MS / 1000).then(() => false),
        ]);
      }
      // Not from the end of the processes: to close so many connections takes a while.
      const results: Result[] = (await ended).map((text) => JSON.parse(text));
      const ends = results.map(({ started_at, duration_s }) =>
        Date.parse(started_at) + duration_s * 1000
      );
      const last = Math.min(...ends) - SAMPLE_MS;
      const idle = samples.findLast(({ at, generator }) => at <= last && generator > 0);
      if (!idle) throw new Error("it was over before its memory could be looked at");
      return { result: sumOf(results), idle };
    } finally {
      await Promise.all(programs.map((program) => program.stop()));
    }
  };
  try {
    const few = await stress(warm * count);
    const many = await stress(connections);
    const each = (key: "generator" | "server") =>
      (many.idle[key] - few.idle[key]) / (connections - warm * count);
    return {
      what,
      generators: count,
      servers: count,
      ...summary(many.result),
      seconds: many.result.duration_s - holdSeconds,
      generatorBytes: each("generator"),
      serverBytes: each("server"),
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** A connection for each message. */
async function churn(what: string, command: string[]): Promise<Row> {
  const [servers, address] = await startServers(command, 1);
  try {
    const args = ["-c", "20", "-n", String(connects), "--messages-per-connection", "1", "--json"];
    const text = await run([...command, "stress", address, ...args], patience);
    const result: Result = JSON.parse(text);
    return {
      what,
      generators: 1,
      servers: 1,
      ...summary(result),
      seconds: result.duration_s,
      generatorBytes: null,
      serverBytes: null,
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Results of runs that went on at the same time. */
export function sumOf(results: Result[]): Result {
  const sum = (pick: (result: Result) => number) => results.reduce((n, one) => n + pick(one), 0);
  return {
    started_at: results[0]!.started_at,
    duration_s: Math.max(...results.map(({ duration_s }) => duration_s)),
    connections: {
      established: sum((r) => r.connections.established),
      failed: sum((r) => r.connections.failed),
      lost: sum((r) => r.connections.lost),
    },
    messages: {
      verified: sum((r) => r.messages.verified),
      mismatched: sum((r) => r.messages.mismatched),
      timed_out: sum((r) => r.messages.timed_out),
      lost: sum((r) => r.messages.lost),
    },
    errors: Object.assign({}, ...results.map(({ errors }) => errors)),
  };
}

export function summary(
  { connections, messages, errors }: Result,
): Pick<Row, "established" | "verified" | "errors"> {
  const named = Object.values(errors).reduce((sum, count) => sum + count, 0);
  const { mismatched, timed_out, lost } = messages;
  return {
    established: connections.established,
    verified: messages.verified,
    errors: named + connections.failed + connections.lost + mismatched + timed_out + lost,
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has just ended
  }
}

/** Resident memory of processes in bytes; 0 when one has ended. */
export function resident(pids: number[]): number {
  const each = pids.map((pid) =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1])
  );
  return each.some(Number.isNaN) ? 0 : each.reduce((sum, kB) => sum + kB * 1024, 0);
}
