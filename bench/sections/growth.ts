// CPU time of a server for one message on 10 busy connections, among none to 9,990 idle ones: what it
// grows by. There is a server for each number, all alive and warm, with a slice of each round.
import type { Context, Load } from "../support/context.ts";
import { type Line, plot } from "../support/plot.ts";
import { clientCpu, type Program, run, serverCpu, start } from "../support/process.ts";
import { median, type Report, spread, table, verdict } from "../support/report.ts";

const active = 10;
const populations = [10, 100, 1000, 10_000];
/** What the cost may grow by from the first to the last. */
const target = 1.1;
/** The first round warms up, and is so many times as long. */
const WARM_UP = 3;
const holdSeconds = 600;

const iomux = ["bun", "main.ts", "serve", "-H", "127.0.0.1", "-p", "0", "--engine"];

interface Server {
  kind: string;
  population: number;
  program: Program;
  address: string;
  idle: Program | undefined;
  /** CPU time for a message in each round, in nanoseconds. */
  costs: number[];
}

/** Runs the section. */
export async function growth(context: Context): Promise<Report> {
  const { built, options: { rounds, seconds, warmup }, progress } = context;
  const kinds: Record<string, string[]> = {
    c: [built.server],
    readiness: [...iomux, "readiness"],
    uring: [...iomux, "uring"],
  };
  const servers: Server[] = [];
  try {
    for (const [kind, command] of Object.entries(kinds)) {
      for (const population of populations) {
        servers.push(await startAmong(context, kind, command, population));
      }
    }
    for (let round = -1; round < rounds; round++) {
      const turn = (round + 1) % servers.length;
      for (const server of [...servers.slice(turn), ...servers.slice(0, turn)]) {
        const slice = String(round < 0 ? WARM_UP * seconds : seconds);
        const numbers = [String(active), "64", slice];
        const watch = ["-w", String(warmup), "-p", String(server.program.pid)];
        const text = await run([built.client, ...watch, server.address, ...numbers], 30, {
          cpu: clientCpu,
        });
        const load: Load = JSON.parse(text);
        if (round >= 0) server.costs.push(load.server!.cpu_ns / load.messages);
      }
      progress(`growth: round ${round + 1}/${rounds}`);
    }
  } finally {
    for (const { idle, program } of servers) {
      await idle?.stop();
      await program.stop();
    }
  }
  return describe(context, servers);
}

async function startAmong(
  { built }: Context,
  kind: string,
  command: string[],
  population: number,
): Promise<Server> {
  const program = start(command, { cpu: serverCpu, manyFiles: true });
  const [, address] = await program.match(/listening on (\S+)/, 60);
  const others = population - active;
  let idle: Program | undefined;
  if (others > 0) {
    const hold = [built.client, "idle", address!, String(others), String(holdSeconds)];
    idle = start(hold, { cpu: clientCpu, manyFiles: true });
    await idle.match(/ready \d+/, 60);
  }
  return { kind, population, program, address: address!, idle, costs: [] };
}

function describe({ options: { rounds, seconds } }: Context, servers: Server[]): Report {
  const colors: Record<string, string> = { c: "#52606d", readiness: "#1f6feb", uring: "#d1495b" };
  const rows: string[][] = [], lines: Line[] = [], verdicts: string[] = [];
  for (const kind of Object.keys(colors)) {
    const own = servers.filter((server) => server.kind === kind);
    const first = own[0]!;
    for (const { population, costs } of own) {
      const ratios = costs.map((cost, round) => cost / first.costs[round]!);
      rows.push([kind, String(population), median(costs).toFixed(0), spread(ratios)]);
      if (population !== populations.at(-1)) continue;
      verdicts.push(
        `${kind}: grows by ${median(ratios).toFixed(2)}, ${verdict(median(ratios), target)}`,
      );
    }
    lines.push({
      name: kind,
      color: colors[kind]!,
      dashed: kind === "c",
      points: own.map(({ population, costs }) => [population, median(costs)]),
    });
  }
  return {
    text: [
      `growth: ${active} of the connections busy, ${rounds} rounds of ${seconds} s`,
      table(["server", "connections", "CPU ns/message", "to the first (range)"], rows),
      ...verdicts,
    ].join("\n"),
    data: servers.map(({ kind, population, costs }) => ({ kind, population, costs })),
    plot: plot({
      title: "One message among many connections",
      caption:
        `${active} connections busy, the others idle; 64 bytes; medians of ${rounds} slices of ${seconds} s`,
      xLabel: "connections",
      yLabel: "CPU time for a message, ns",
      panels: [{ title: "64-byte echo", lines }],
      legend: [{ name: "iomux serve", dashed: false }, { name: "C on epoll", dashed: true }],
    }),
  };
}
