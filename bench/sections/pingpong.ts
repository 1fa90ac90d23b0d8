// The round trip of one message on one connection: `iomux stress -c 1` and the C client against the C server,
// and sockperf, where it is installed, against its own. sockperf's figure is half a round trip; --full-rtt
// makes it a whole one.
import { type Context, inRounds, load, quietly } from "../support/context.ts";
import { iomux, targeted, whyMissing } from "../support/entries.ts";
import { clientCpu, run, serverCpu, start } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table, verdict } from "../support/report.ts";

const target = 1.1;
const PEER = "sockperf";
const PEER_PORT = 20_777;

/** Of one round, in microseconds. */
interface RoundTrip {
  p50: number;
  mean: number;
  p99: number;
}

interface Candidate {
  name: string;
  missing: string | null;
  measure: (context: Context, address: string) => Promise<RoundTrip>;
}

/** Runs the section. */
export async function pingpong(context: Context): Promise<Report> {
  const { options, progress, built } = context;
  const candidates: Candidate[] = [
    { name: "C client", missing: null, measure: measureClient },
    ...context.entries.filter(({ name }) => name in iomux).map(({ name }) => ({
      name,
      missing: whyMissing(iomux[name]!),
      measure: (context: Context, address: string) => measureIomux(context, iomux[name]!, address),
    })),
    { name: PEER, missing: whyMissing([PEER]), measure: measurePeer },
  ];
  const { results, notRun } = await inRounds(candidates, options.rounds, async (one, round) => {
    const result = await quietly(
      context,
      [built.server],
      (address) => one.measure(context, address),
    );
    const { p50, mean } = result.value;
    const figures = `p50 ${p50.toFixed(1)} us, mean ${mean.toFixed(1)} us`;
    progress(`pingpong ${round + 1}/${options.rounds} ${one.name}: ${figures}`);
    return result;
  });
  const client = results.get("C client");
  const data = candidates.flatMap(({ name }) => {
    const all = results.get(name)?.map(({ value }) => value);
    if (!all) return [];
    const ratios = (key: "p50" | "mean") =>
      all.map((one, round) => one[key] / (client?.[round]?.value[key] ?? NaN));
    const of = (key: keyof RoundTrip) => median(all.map((one) => one[key]));
    return [{
      ...{ name, p50: of("p50"), mean: of("mean"), p99: of("p99") },
      ...{ p50Ratios: ratios("p50"), meanRatios: ratios("mean") },
    }];
  });
  const lines = [
    `pingpong: one connection, one message of ${options.size} bytes in flight, microseconds for a ` +
    `whole round trip, ${options.rounds} rounds of ${options.seconds} s`,
    table(
      ["client", "p50", "mean", "p99", "p50 to C client's (range)", "mean to C client's (range)"],
      data.map((d) => [
        d.name,
        ...[d.p50, d.mean, d.p99].map((us) => us.toFixed(1)),
        ...[spread(d.p50Ratios), spread(d.meanRatios)],
      ]),
    ),
    ...notRunLines(notRun),
    ...data.filter(({ name }) => targeted.includes(name)).flatMap((
      { name, p50Ratios, meanRatios },
    ) => [
      `${name}: ${median(p50Ratios).toFixed(2)} times the C client's p50, ${
        verdict(median(p50Ratios), target)
      }`,
      `${name}: ${median(meanRatios).toFixed(2)} times the C client's mean, ${
        verdict(median(meanRatios), target)
      }`,
    ]),
  ];
  return {
    text: lines.join("\n"),
    data: { clients: data, not_run: Object.fromEntries(notRun) },
  };
}

async function measureClient(context: Context, address: string): Promise<RoundTrip> {
  const one = { ...context, options: { ...context.options, connections: 1 } };
  const { p50_us: p50, p99_us: p99, messages, seconds } = await load(one, address);
  return { p50, p99, mean: seconds / messages * 1e6 };
}

async function measureIomux(
  { options }: Context,
  iomux: string[],
  address: string,
): Promise<RoundTrip> {
  const shape = ["-c", "1", "-s", `${options.size}B`, "-d", `${options.seconds}s`, "--json"];
  const text = await run([...iomux, "stress", address, ...shape], options.seconds + 30, {
    cpu: clientCpu,
  });
  const { p50, mean, p99 } = JSON.parse(text).latency_us;
  return { p50, mean, p99 };
}

/** Against a server of its own, whatever else listens. */
async function measurePeer({ options }: Context): Promise<RoundTrip> {
  const where = ["--tcp", "-i", "127.0.0.1", "-p", String(PEER_PORT)];
  const server = start([PEER, "sr", ...where], { cpu: serverCpu });
  try {
    await server.match(/\[SERVER\]|tcp|block/i, 10);
    const args = [
      "pp",
      ...where,
      "-t",
      String(Math.ceil(options.seconds)),
      "-m",
      String(options.size),
    ];
    const text = await run([PEER, ...args, "--full-rtt"], options.seconds + 30, { cpu: clientCpu });
    const figure = (pattern: RegExp) => {
      const found = Number(pattern.exec(text)?.[1]);
      if (!(found > 0)) throw new Error("sockperf did not say how long a round trip took");
      return found;
    };
    return {
      p50: figure(/percentile 50\.0+ *= *([\d.]+)/),
      p99: figure(/percentile 99\.0+ *= *([\d.]+)/),
      mean: figure(/avg-(?:rtt|latency|lat)=([\d.]+)/),
    };
  } finally {
    await server.stop();
  }
}
