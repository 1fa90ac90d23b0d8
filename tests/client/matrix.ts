// Every order in which the two directions of a client's connection end, as a table: how it is arranged,
// and what comes of it. Programs other than ours are tried on the same rows.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cliCommand, root } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { sleep, until } from "../support/waiting.ts";
import { type Connection, FarEnd, type Transport } from "./far_end.ts";

export type Program = "iomux" | "nc" | "ncat" | "socat";
export const OTHERS = ["nc", "ncat", "socat"] as const;

/** How long a client that has no reason to end is watched. */
const WATCHED_MS = 2500;

/** One row: an order of events. */
export interface Row {
  /** As docs/client.md has it. */
  readonly name: string;
  /** The options of each program; without an entry it has no such option. */
  readonly options?: Partial<Record<Program, string>>;
  /** A shell line in which "$@" is the client; its exit code goes to $CODE, its output to $OUT. */
  readonly line: string;
  /** What the far end does once the client has connected. */
  far(connection: Connection, client: Running): Promise<void>;
  /** What comes of it with iomux client. */
  readonly expected: string;
  /** The same over a transport where it differs. */
  readonly over?: Partial<Record<Transport, string>>;
}

/** A client under way. */
export class Running {
  readonly #child: ChildProcess;
  readonly #folder = new TempDir();
  stderr = "";

  constructor(line: string, command: string[]) {
    this.#child = spawn("bash", ["-c", line, "bash", ...command], {
      cwd: root,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
      env: {
        ...process.env,
        ...{ CODE: this.file("code"), OUT: this.file("out"), PID: this.file("pid") },
        FIFO: this.file("fifo"),
      },
    });
    this.#child.stderr!.on("data", (chunk) => this.stderr += chunk);
  }

  file(name: string): string {
    return this.#folder.file(name);
  }
  read(name: string): string {
    try {
      return readFileSync(this.file(name), "latin1");
    } catch {
      return "";
    }
  }
  /** Sends a signal to the client itself. */
  signal(name: NodeJS.Signals): void {
    process.kill(Number(this.read("pid")), name);
  }
  /** "exit 0", or "goes on". */
  async end(): Promise<string> {
    await until(() => this.read("code").endsWith("\n"), WATCHED_MS);
    const code = this.read("code").trim();
    return code === "" ? "goes on" : `exit ${code}`;
  }
  [Symbol.dispose](): void {
    try {
      process.kill(-this.#child.pid!, "SIGKILL");
    } catch {
      // It has ended, and so has all that it started.
    }
    this.#folder[Symbol.dispose]();
  }
}

/** The words of the end of a client's line. */
const DONE = '; echo $? >"$CODE"';
const run = (stdin: string) => `${stdin}"$@" >"$OUT"${DONE}`;
/** Standard input stays open, and gives nothing. The shell does not wait for its other end. */
const QUIET = "< <(sleep 9)";
const IDLE = `"$@" ${QUIET} >"$OUT"${DONE}`;
const MUCH = 5_000_000;
const upload = run(`head -c ${MUCH} /dev/zero | `);

/** Sends what it has got so far, once nothing more comes for a while. */
const answer = async (far: Connection): Promise<void> => {
  await far.read(600);
  await far.send(`got ${far.got}`);
};

/** On a busy machine stdin may give nothing for longer than the half second that is the default. */
const WITHIN_GRACE = { iomux: "--grace 30s", nc: "", ncat: "", socat: "" };

export const ROWS: readonly Row[] = [
  {
    name: "stdin ends; the peer answers 0.6 s later, and ends",
    line: run("printf hello | "),
    async far(far) {
      await answer(far);
      await sleep(600);
      far.halfClose();
      await far.read(1000);
    },
    expected: "sends 5 B and FIN, prints 5 B, exit 0",
  },
  {
    name: "stdin ends; the peer is silent",
    line: run("printf hello | "),
    far: (far) => far.read(3000),
    expected: "sends 5 B and FIN, prints 0 B, goes on",
  },
  {
    name: "the same, without half-closing",
    options: { iomux: "--no-half-close", nc: "", ncat: "--no-shutdown", socat: "-t9" },
    line: run("printf hello | "),
    async far(far) {
      await answer(far);
      await far.read(300);
    },
    expected: "sends 5 B, prints 5 B, goes on",
  },
  {
    name: "the same, with a time to wait (`-q 1s`)",
    options: { iomux: "-q 1s", nc: "-q1", socat: "-t1" },
    line: run("printf hello | "),
    far: (far) => far.read(3000),
    expected: "sends 5 B and FIN, prints 0 B, exit 0",
  },
  {
    name: "the peer half-closes and reads on; stdin has 5 MB",
    options: WITHIN_GRACE,
    line: upload,
    async far(far) {
      await far.read(5000, 1);
      far.halfClose();
      await far.read(5000);
    },
    expected: "sends 5,000,000 B and FIN, prints 0 B, exit 0",
  },
  {
    name: "the peer half-closes and reads on; stdin has 5 MB, from a file, and half a second later",
    line: 'head -c 5000000 /dev/zero >"$FIFO"; ' + run("").replace('>"$OUT"', '<"$FIFO" >"$OUT"'),
    async far(far) {
      far.halfClose();
      await sleep(500);
      await far.read(5000);
    },
    expected: "sends 5,000,000 B and FIN, prints 0 B, exit 0",
  },
  {
    name: "the peer half-closes; stdin gives a line 0.2 s later, and ends",
    options: WITHIN_GRACE,
    line: run('(until [ -s "$FIFO" ]; do sleep 0.05; done; sleep 0.2; echo last) | '),
    async far(far, client) {
      await far.send("bye");
      far.halfClose();
      spawnSync("sh", ["-c", 'echo go >"$1"', "sh", client.file("fifo")]);
      await far.read(2000);
    },
    expected: "sends 5 B and FIN, prints 3 B, exit 0",
  },
  {
    name: "the peer half-closes; stdin is idle",
    line: IDLE,
    async far(far) {
      await far.send("bye");
      far.halfClose();
      await far.read(3000);
    },
    expected: "sends 0 B and FIN, prints 3 B, exit 0",
  },
  {
    name: "the peer closes; stdin has ended",
    line: run("printf hello | "),
    async far(far) {
      await far.read(2000);
      await far.send("bye");
      await sleep(100);
      far.close();
    },
    expected: "sends 5 B and FIN, prints 3 B, exit 0",
  },
  {
    name: "the peer closes; stdin is idle",
    line: IDLE,
    async far(far) {
      await far.send("bye");
      far.close();
      await sleep(0);
    },
    expected: "sends 0 B, prints 3 B, exit 0",
  },
  {
    name: "the peer closes; stdin has 5 MB",
    line: upload,
    async far(far) {
      await far.read(2000, 1);
      far.close();
    },
    expected: "prints 0 B, exit 5",
  },
  {
    name: "the peer sends 100 kB, and resets",
    line: IDLE,
    async far(far) {
      await far.send(new Uint8Array(100_000));
      await sleep(300);
      far.reset();
    },
    expected: "sends 0 B, prints 100,000 B, exit 5",
    // A Unix socket that is closed with nothing unread is not reset.
    over: { unix: "sends 0 B, prints 100,000 B, exit 0" },
  },
  {
    name: "stdout's reader goes away; the peer is silent",
    line: `"$@" ${QUIET} > >(true)${DONE}`,
    far: (far) => far.read(3000),
    expected: "sends 0 B and FIN, prints 0 B, exit 141",
    over: { tcp: "sends 0 B and FIN, prints 0 B, exit 141" },
  },
  {
    name: "stdout's reader goes away; the peer sends",
    line: `"$@" ${QUIET} > >(head -c1 >"$OUT")${DONE}`,
    async far(far) {
      for (let i = 0; i < 8 && far.ended === undefined; i++) {
        await far.send("x".repeat(100)).catch(() => {});
        await far.read(100);
      }
    },
    expected: "prints 1 B, exit 141",
  },
  {
    name: "stdout is full (`/dev/full`)",
    line: `"$@" ${QUIET} >/dev/full${DONE}`,
    far: (far) => far.send("bye"),
    expected: "sends 0 B, prints 0 B, exit 1",
  },
  {
    name: "SIGTERM",
    line: `"$@" ${QUIET} >"$OUT" & echo $! >"$PID"; wait $!${DONE}`,
    async far(far, client) {
      await far.send("bye");
      await until(() => client.read("out") !== "");
      client.signal("SIGTERM");
      await far.read(3000);
    },
    expected: "sends 0 B and FIN, prints 3 B, exit 143",
  },
  {
    name: "SIGINT, which was ignored at the start",
    line: `trap "" INT; "$@" ${QUIET} >"$OUT" & echo $! >"$PID"; wait $!${DONE}`,
    async far(far, client) {
      await far.send("bye");
      await until(() => client.read("out") !== "");
      client.signal("SIGINT");
      await far.read(1500);
    },
    expected: "sends 0 B, prints 3 B, goes on",
  },
  {
    name: "nothing comes or goes for a time (`-i 1s`)",
    options: { iomux: "-i 1s", nc: "-w1", ncat: "-i 1s", socat: "-T1" },
    line: IDLE,
    async far(far) {
      await far.send("bye");
      await far.read(3000);
    },
    expected: "sends 0 B and FIN, prints 3 B, exit 4",
  },
  {
    name: "`--send-only`; the peer sends, and does not end",
    options: { iomux: "--send-only", ncat: "--send-only", socat: "-u" },
    line: run("printf hello | "),
    async far(far) {
      await far.send("x".repeat(1000));
      await far.read(3000);
    },
    expected: "sends 5 B and FIN, prints 0 B, exit 0",
  },
  {
    name: "`--recv-only`; the peer sends, and ends",
    options: { iomux: "--recv-only", nc: "-d", ncat: "--recv-only", socat: "-U" },
    line: run("printf hello | "),
    async far(far) {
      await far.read(600);
      await far.send("bye");
      far.halfClose();
      await far.read(2000);
    },
    expected: "sends 0 B and FIN, prints 3 B, exit 0",
  },
];

const count = (bytes: number) => `${bytes.toString().replace(/\B(?=(\d{3})+$)/g, ",")} B`;

function commandOf(program: Program, row: Row, far: FarEnd): string[] {
  const words = (row.options?.[program] ?? "").split(" ").filter((word) => word !== "");
  if (program === "iomux") {
    const [command, args] = cliCommand(["client", ...far.target, ...words]);
    return [command, ...args];
  }
  const address = ["127.0.0.1", String(far.port)];
  if (program !== "socat") return [program, ...words, ...address];
  const [source, sink] = ["-", `TCP:${address.join(":")}`];
  return [program, ...words, source, sink];
}

/** Whether a program has the options of a row. */
export const hasOptions = (program: Program, row: Row): boolean =>
  row.options === undefined || row.options[program] !== undefined;

/** Arranges a row, and says in words what came of it. */
export async function outcome(
  program: Program,
  row: Row,
  transport: Transport = "tcp",
): Promise<{ words: string; stderr: string }> {
  using far = new FarEnd(transport);
  using client = new Running(row.line, commandOf(program, row, far));
  const connection = await far.accept();
  await row.far(connection, client);
  const end = await client.end();
  const printed = `prints ${count(client.read("out").length)}`;
  const fin = connection.ended === undefined ? "" : ` and ${connection.ended}`;
  // What was sent is said where it is known: to the end that the far end saw, or its own.
  const unread = row.expected.startsWith("prints") ? [] : [`sends ${count(connection.got)}${fin}`];
  return { words: [...unread, printed, end].join(", "), stderr: client.stderr };
}
