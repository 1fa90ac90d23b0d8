// What a message on a schedule costs the generator: `iomux stress --rate`, with and without `--tick`, next
// to tcpkali, where that is on PATH, against the C server.
import { type Context, inRounds, quietly } from "../support/context.ts";
import { iomux, whyMissing } from "../support/entries.ts";
import { clientCpu, run } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table } from "../support/report.ts";

/** Messages a second. */
const RATES = [20_000, 80_000];
const PEER = "tcpkali";

/** Of one round, for one message: microseconds of the generator, and of its whole process. */
interface Cost {
  us: number;
  processUs: number;
}

interface Candidate {
  name: string;
  missing: string | null;
  rate: number;
  measure(context: Context, address: string): Promise<Cost>;
}

/** Runs the section. */
export async function schedule(context: Context): Promise<Report> {
  const { options, progress, built } = context;
  const candidates = RATES.flatMap((rate): Candidate[] => {
    const stress = (name: string, more: string[] = []): Candidate => ({
      name: `${[name, ...more].join(" ")}, ${rate}/s`,
      missing: whyMissing(iomux[name]!),
      rate,
      measure: (context, address) => measureIomux(context, address, iomux[name]!, rate, more),
    });
    return [
      {
        name: `${PEER}, ${rate}/s`,
        missing: whyMissing([PEER]),
        rate,
        measure: (context, address) => measurePeer(context, address, rate),
      },
      stress("iomux-compiled"),
      stress("iomux-compiled", ["--tick", "1ms"]),
    ];
  });
  const { results, notRun } = await inRounds(candidates, options.rounds, async (one, round) => {
    const result = await quietly(
      context,
      [built.server],
      (address) => one.measure(context, address),
    );
    const { value, others } = result;
    const cost = `${value.us.toFixed(2)} us/message, others ${others.toFixed(0)} %`;
    progress(`schedule ${round + 1}/${options.rounds} ${one.name}: ${cost}`);
    return result;
  });
  const data = candidates.flatMap(({ name, rate }) => {
    const all = results.get(name);
    if (!all) return [];
    const peer = results.get(`${PEER}, ${rate}/s`);
    const us = all.map(({ value }) => value.us);
    return [{
      ...{ name, us: median(us), all: us },
      process_us: median(all.map(({ value }) => value.processUs)),
      ratios: peer ? us.map((cost, round) => cost / peer[round]!.value.us) : null,
    }];
  });
  const text = [
    `schedule: CPU time of the generator for one message, ${options.connections} connections, ` +
    `${options.size}-byte messages, ${options.rounds} rounds of ${options.seconds} s`,
    table(
      ["generator", "us/message", `ratio to ${PEER} (range)`, "process"],
      data.map((d) => [
        d.name,
        d.us.toFixed(2),
        d.ratios ? spread(d.ratios) : "-",
        d.process_us.toFixed(2),
      ]),
    ),
    ...notRunLines(notRun),
  ];
  return { text: text.join("\n"), data: { costs: data, not_run: Object.fromEntries(notRun) } };
}

async function measureIomux(
  { options }: Context,
  address: string,
  command: string[],
  rate: number,
  more: string[],
): Promise<Cost> {
  const { connections, size, seconds } = options;
  const shape = ["-c", String(connections), "-s", `${size}B`, "-d", `${seconds}s`, "--json"];
  const load = [...command, "stress", address, ...shape, "--rate", String(rate), ...more];
  const { output, cpuUs } = await timed(load, seconds);
  const { messages, generator } = JSON.parse(output);
  const us = (generator.cpu_s.user + generator.cpu_s.system) * 1e6;
  return { us: us / messages.verified, processUs: cpuUs / messages.verified };
}

async function measurePeer({ options }: Context, address: string, rate: number): Promise<Cost> {
  const { connections, size, seconds } = options;
  const each = Math.round(rate / connections);
  const { output, cpuUs } = await timed([
    ...[PEER, "-w", "1", "-c", String(connections), "--connect-rate", "10000", "--nagle", "off"],
    ...["-r", String(each), "-T", `${seconds}s`, "-em", `${"x".repeat(size - 1)}\\n`],
    ...["--latency-marker", "\\n", address], // looks at every reply, as far as it can
  ], seconds);
  const sent = Number(output.match(/Total data sent:.*\((\d+) bytes\)/)?.[1]);
  if (!(sent > 0)) throw new Error("tcpkali did not say what it has sent");
  const us = cpuUs / (sent / size);
  return { us, processUs: us };
}

/** Runs a program, and says what CPU time it took with all its threads. */
async function timed(
  command: string[],
  seconds: number,
): Promise<{ output: string; cpuUs: number }> {
  const script = 'TIMEFORMAT="cpu %U %S"; { time "$@" 2>&1; } 2>&1';
  const text = await run(["bash", "-c", script, "bash", ...command], seconds + 30, {
    cpu: clientCpu,
  });
  const [line, user, system] = text.match(/^cpu ([\d.]+) ([\d.]+)$/m)!;
  return {
    output: text.replace(line, ""),
    cpuUs: (Number(user) + Number(system)) * 1e6,
  };
}
