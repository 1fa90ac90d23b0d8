// CPU time of a server for one message on each engine, as a ratio to that of a C server on epoll in the
// same round. All servers stay alive and warm; each has its slice of half a second in every round.
import type { Context, Load } from "../support/context.ts";
import { whyMissing } from "../support/entries.ts";
import { clientCpu, type Program, run, serverCpu, start } from "../support/process.ts";
import { median, type Report, sum, table } from "../support/report.ts";

/** The first round is so many times as long, as compilers share the server's core. */
const WARM_UP = 3;
const baseline = "c";

/** What a client does. */
interface Shape {
  name: string;
  connections: number;
  size: number;
  /** More options of the load client. */
  options: string[];
  /** The most that the engines may take, as a ratio to C. */
  most: Record<string, number>;
}

const echo = (connections: number, uring: number): Shape => ({
  name: `64 B on ${connections} connections`,
  connections,
  ...{ size: 64, options: [] },
  most: { uring, readiness: 1.05 },
});

const shapes: Shape[] = [
  echo(10, 0.97),
  echo(50, 0.95),
  echo(1000, 1),
  { name: "64 KiB", connections: 10, size: 65_536, options: [], most: { uring: 1, readiness: 1 } },
  {
    name: "64 KiB in upper case",
    connections: 10,
    size: 65_536,
    options: ["-u"],
    most: { uring: 1.2, readiness: 1.2 },
  },
  {
    name: "64 B with 16 in flight",
    connections: 50,
    size: 64,
    options: ["-n", "16"],
    most: { uring: 1, readiness: 1 },
  },
  {
    name: "connect and 64 B and close",
    connections: 10,
    size: 64,
    options: ["-k"],
    most: { uring: 1, readiness: 1 },
  },
];

interface Server {
  name: string;
  program: Program;
  address: string;
}

const iomux = (
  ...more: string[]
) => ["bun", "main.ts", "serve", "-H", "127.0.0.1", "-p", "0", ...more];

/** The servers of a shape, by name, or why one can't be had. */
function commands({ built }: Context, upper: boolean): Record<string, string[] | string> {
  const service = upper ? ["--service", "upper"] : [];
  return {
    [baseline]: [built.server, "0", ...(upper ? ["upper"] : [])],
    uring: iomux("--engine", "uring", ...service),
    readiness: iomux("--engine", "readiness", ...service),
    ...(upper ? {} : {
      "c-uring": [built.uringServer],
      libuv: built.uvServer === null ? built.uvProblem : [built.uvServer],
      "bun-listen": ["bun", "bench/peers/bun_listen.ts"],
      "node-net": ["node", "bench/peers/node_net.mjs"],
      python: ["python3", "bench/peers/python_selectors.py"],
      go: built.goServer === null ? built.goProblem : [built.goServer],
    }),
  };
}

/** The names of all servers that the section has. */
export const engineServers: string[] = [
  ...[baseline, "uring", "readiness", "c-uring", "libuv", "bun-listen", "node-net", "python", "go"],
];

/** Runs the section. */
export async function engine(context: Context): Promise<Report> {
  const lines: string[] = [];
  const data: unknown[] = [];
  for (const upper of [false, true]) {
    const chosen = shapes.filter(({ name, options }) =>
      options.includes("-u") === upper && context.isCase(name)
    );
    if (chosen.length === 0) continue;
    const servers = await startAll(context, upper, lines);
    try {
      for (const shape of chosen) {
        const measured = await measure(context, shape, servers);
        lines.push(...describe(context, shape, measured), "");
        data.push({ shape, measured: Object.fromEntries(measured) });
      }
    } finally {
      for (const { program } of servers) await program.stop();
    }
  }
  return { text: lines.join("\n"), data };
}

async function startAll(context: Context, upper: boolean, lines: string[]): Promise<Server[]> {
  const servers: Server[] = [];
  for (const [name, command] of Object.entries(commands(context, upper))) {
    if (!context.isChosen({ name })) continue;
    const missing = typeof command === "string" ? command : whyMissing(command);
    if (missing !== null || typeof command === "string") {
      lines.push(`${name}: not run: ${missing}`);
      continue;
    }
    const program = start(command, { cpu: serverCpu, manyFiles: true });
    const [, address] = await program.match(/listening on (\S+)/, 60);
    servers.push({ name, program, address: address! });
  }
  return servers;
}

async function measure(context: Context, shape: Shape, servers: Server[]) {
  const measured = new Map<string, Load[]>();
  const { rounds } = context.options;
  for (let round = -1; round < rounds; round++) { // the first one warms up
    const turn = (round + 1) % servers.length;
    for (const server of [...servers.slice(turn), ...servers.slice(0, turn)]) {
      const load = await slicedLoad(context, shape, server, round < 0 ? WARM_UP : 1);
      if (round < 0) continue;
      measured.set(server.name, [...measured.get(server.name) ?? [], load]);
    }
    context.progress(`engine ${shape.name}: round ${round + 1}/${rounds}`);
  }
  return measured;
}

async function slicedLoad(
  context: Context,
  shape: Shape,
  server: Server,
  times: number,
): Promise<Load> {
  const { built, options: { warmup, seconds } } = context;
  const { connections, size, options } = shape;
  const command = [
    ...[built.client, "-w", String(warmup), "-p", String(server.program.pid), ...options],
    ...[server.address, String(connections), String(size), String(times * seconds)],
  ];
  return JSON.parse(await run(command, 30, { cpu: clientCpu, manyFiles: true }));
}

const cpuNs = (load: Load) => load.server!.cpu_ns / load.messages;

function describe(
  { options: { rounds, seconds } }: Context,
  shape: Shape,
  measured: ReadonlyMap<string, Load[]>,
): string[] {
  const base = measured.get(baseline)!;
  const rows = [...measured].map(([name, loads]) => {
    const ratio = median(loads.map((load, round) => cpuNs(load) / cpuNs(base[round]!)));
    const user = sum(loads.map(({ server }) => server!.user_ns)) /
      sum(loads.map(({ server }) => server!.user_messages));
    const most = shape.most[name];
    return [
      name,
      median(loads.map(cpuNs)).toFixed(0),
      ratio.toFixed(3),
      user.toFixed(0),
      median(loads.map(({ rate }) => rate)).toFixed(0),
      most === undefined ? "" : `${ratio <= most ? "reached" : "missed"}: at most ${most}`,
    ];
  });
  const head = ["server", "CPU ns/message", "ratio to C", "user ns/message", "messages/s", ""];
  return [`engine: ${shape.name}, ${rounds} rounds of ${seconds} s`, table(head, rows)];
}
