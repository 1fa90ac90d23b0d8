// What TLS costs `iomux serve`: CPU time for one message beside the same load without it, what a handshake
// takes, and what the process has left behind of handshakes by the thousand.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, inRounds, quietly } from "../support/context.ts";
import { iomux } from "../support/entries.ts";
import { clientCpu, type Program, run } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table } from "../support/report.ts";

const SIZES = [64, 16_384];
/** The connections of a measured run must not count for more than a hundredth of it. */
const HANDSHAKES = 500;
const BATCHES = 20;
/** USER_HZ: what /proc/PID/stat counts in, on every Linux. */
const TICK_US = 10_000;

interface Cost {
  us: number;
  rate: number;
}

/** Runs the section. */
export async function tls(context: Context): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "iomux-bench-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  try {
    execFileSync("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
    ], { stdio: "ignore" });
    return await measure(context, ["--tls-cert", cert, "--tls-key", key]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(context: Context, secure: string[]): Promise<Report> {
  const { options, progress } = context;
  const generator = iomux["iomux-bun"]!;
  const servers = context.entries.filter(({ name }) => name in iomux);
  const candidates = servers.flatMap((entry) =>
    SIZES.flatMap((size) =>
      [false, true].map((withTls) => ({
        name: `${entry.name}, ${size} bytes${withTls ? ", TLS" : ""}`,
        command: withTls ? [...entry.command, ...secure] : entry.command,
        missing: entry.missing,
        size,
        withTls,
      }))
    )
  );
  const { results, notRun } = await inRounds(candidates, options.rounds, async (candidate) => {
    const { command, size, withTls } = candidate;
    const result = await quietly(context, command, async (address, server): Promise<Cost> => {
      const flags = withTls ? ["--tls", "--tls-insecure"] : [];
      const time = ["-d", `${options.seconds}s`, "-c", String(options.connections), "--json"];
      const before = cpuUs(server);
      const text = await run(
        [...generator, "stress", address, ...flags, "-s", `${size}B`, ...time],
        options.seconds + 20,
        { cpu: clientCpu },
      );
      const { messages, rate } = JSON.parse(text);
      return { us: (cpuUs(server) - before) / messages.verified, rate: rate.messages_per_s };
    });
    progress(`tls ${candidate.name}: ${result.value.us.toFixed(2)} us`);
    return result.value;
  });
  const plainOf = (name: string) => results.get(name.replace(", TLS", ""))!;
  const rows = candidates.flatMap(({ name, withTls }) => {
    const all = results.get(name);
    if (!all) return [];
    const ratios = withTls ? all.map(({ us }, i) => us / plainOf(name)[i]!.us) : [1];
    return [[
      name,
      median(all.map(({ us }) => us)).toFixed(2),
      spread(ratios),
      median(all.map(({ rate }) => rate)).toFixed(0),
    ]];
  });
  const [first] = servers;
  const left = first && !notRun.has(`${first.name}, 64 bytes, TLS`)
    ? await handshakes(context, [...first.command, ...secure], generator)
    : null;
  const lines = [
    `tls: ${options.rounds} rounds of ${options.seconds} s, TLS 1.3, ECDSA P-256`,
    table(["server", "CPU us/message", "to plain (range)", "messages/s"], rows),
    ...notRunLines(notRun),
    left === null ? "" : `${first!.name}: ${left.us.toFixed(0)} us of CPU for a handshake and ` +
      `a message; after ${left.counts.join(", ")} of them ${left.mb.join(", ")} MB resident`,
  ];
  return {
    text: lines.filter(Boolean).join("\n"),
    data: { results: Object.fromEntries(results), handshakes: left },
  };
}

/** Connects, exchanges one message and leaves, thousands of times, on one server. */
async function handshakes(context: Context, command: string[], generator: string[]) {
  const counts: number[] = [], mb: string[] = [];
  const { value } = await quietly(context, command, async (address, server) => {
    const before = cpuUs(server);
    for (let batch = 1; batch <= BATCHES; batch++) {
      const count = String(HANDSHAKES);
      const load = ["-n", count, "-c", count, "--tls", "--tls-insecure"];
      await run([...generator, "stress", address, ...load], 30, { cpu: clientCpu });
      if (batch % (BATCHES / 4) > 0) continue;
      counts.push(batch * HANDSHAKES);
      mb.push(residentMb(server).toFixed(1));
    }
    return (cpuUs(server) - before) / (BATCHES * HANDSHAKES);
  });
  return { us: value, counts: counts.slice(-4), mb: mb.slice(-4) };
}

/** User and system time of a process so far. */
function cpuUs({ pid }: Program): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function residentMb({ pid }: Program): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}
