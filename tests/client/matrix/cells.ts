// Every order in which the two directions of a client's connection end, as a table: how it is arranged,
// and what comes of it. Programs other than ours are tried on the same rows.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cliCommand, root } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { sleep, until } from "../../support/waiting.ts";
import { type Connection, FarEnd, PATIENCE_MS, type Transport } from "../far_end.ts";

export type Program = "iomux" | "nc" | "ncat" | "socat";
export const OTHERS = ["nc", "ncat", "socat"] as const;

/** How long a client that has no reason to end is watched. */
const WATCHED_MS = 1500;

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
        ...{ FIFO: this.file("fifo"), GO: this.file("go") },
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
  get end(): string {
    const code = this.read("code");
    return code.endsWith("\n") ? `exit ${code.trim()}` : "goes on";
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
const QUIET = "< <(sleep 99)";
const IDLE = `"$@" ${QUIET} >"$OUT"${DONE}`;
const MUCH = 5_000_000;
const upload = run(`head -c ${MUCH} /dev/zero | `);

/** Says what it has got, once that is all of a short input. */
const answer = async (far: Connection): Promise<void> => {
  await far.read(PATIENCE_MS, 5);
  await far.send(`got ${far.got}`);
};

/** Nobody gives up standard input before it has got a turn, on a busy machine. */
const PATIENT = { iomux: "--grace 9s", nc: "", ncat: "", socat: "-t9" };

export const ROWS: readonly Row[] = [
  {
    name: "stdin ends; the peer answers 0.6 s later, and ends",
    line: run("printf hello | "),
    async far(far) {
      await answer(far);
      await sleep(600);
      far.halfClose();
    },
    expected: "sends 5 B and FIN, prints 5 B, exit 0",
  },
  {
    name: "stdin ends; the peer is silent",
    line: run("printf hello | "),
    far: () => Promise.resolve(),
    expected: "sends 5 B and FIN, prints 0 B, goes on",
  },
  {
    name: "the same, without half-closing",
    options: { iomux: "--no-half-close", nc: "", ncat: "--no-shutdown", socat: "-t99" },
    line: run("printf hello | "),
    far: answer,
    expected: "sends 5 B, prints 5 B, goes on",
  },
  {
    name: "the same, with a time to wait (`-q 1s`)",
    options: { iomux: "-q 1s", nc: "-q1", socat: "-t1" },
    line: run("printf hello | "),
    far: () => Promise.resolve(),
    expected: "sends 5 B and FIN, prints 0 B, exit 0",
  },
  {
    name: "the peer half-closes and reads on; stdin has 5 MB",
    options: PATIENT,
    line: upload,
    async far(far) {
      await far.read(PATIENCE_MS, 1);
      far.halfClose();
    },
    expected: "sends 5,000,000 B and FIN, prints 0 B, exit 0",
  },
  {
    name: "the peer half-closes and reads on; stdin has 5 MB, from a file, and half a second later",
    options: { ...PATIENT, iomux: "" },
    line: 'head -c 5000000 /dev/zero >"$FIFO"; ' + run("").replace('>"$OUT"', '<"$FIFO" >"$OUT"'),
    async far(far) {
      far.halfClose();
      await sleep(500);
    },
    expected: "sends 5,000,000 B and FIN, prints 0 B, exit 0",
  },
  {
    name: "the peer half-closes; stdin gives a line later, and ends (`--grace 9s`)",
    options: PATIENT,
    line: run('(until [ -s "$FIFO" ]; do sleep 0.05; done; echo last) | '),
    async far(far, client) {
      await far.send("bye");
      far.halfClose();
      await until(() => client.read("out") === "bye", PATIENCE_MS);
      writeFileSync(client.file("fifo"), "go");
    },
    expected: "sends 5 B and FIN, prints 3 B, exit 0",
  },
  {
    name: "the peer half-closes; stdin is idle",
    line: IDLE,
    async far(far) {
      await far.send("bye");
      far.halfClose();
    },
    expected: "sends 0 B and FIN, prints 3 B, exit 0",
  },
  {
    name: "the peer closes; stdin has ended",
    line: run("printf hello | "),
    async far(far) {
      await far.read(PATIENCE_MS, 5);
      await far.read(2000); // the end, where there is one
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
    },
    expected: "sends 0 B, prints 3 B, exit 0",
  },
  {
    name: "the peer closes; stdin has 5 MB",
    line: upload,
    async far(far) {
      await far.read(PATIENCE_MS, 1);
      far.close();
    },
    expected: "prints 0 B, exit 5",
  },
  {
    name: "the peer sends 100 kB, and resets",
    line: IDLE,
    async far(far, client) {
      await far.send(new Uint8Array(100_000));
      await until(() => client.read("out").length === 100_000, PATIENCE_MS);
      far.reset();
    },
    expected: "sends 0 B, prints 100,000 B, exit 5",
    // A Unix socket that is closed with nothing unread is not reset.
    over: { unix: "sends 0 B, prints 100,000 B, exit 0" },
  },
  {
    name: "stdout's reader goes away; the peer is silent",
    // Not before there is a connection: a client whose reader has gone needs none.
    line: `"$@" ${QUIET} > >(until [ -e "$GO" ]; do sleep 0.05; done)${DONE}`,
    far(_, client) {
      writeFileSync(client.file("go"), "");
      return Promise.resolve();
    },
    expected: "sends 0 B and FIN, prints 0 B, exit 141",
  },
  {
    name: "stdout's reader goes away; the peer sends",
    line: `"$@" ${QUIET} > >(head -c1 >"$OUT")${DONE}`,
    async far(far) {
      for (let i = 0; i < 20 && far.ended === undefined; i++) {
        await far.send("x".repeat(100));
        await far.read(100);
      }
    },
    expected: "prints 1 B, exit 141",
  },
  {
    name: "stdout is full (`/dev/full`)",
    line: `"$@" ${QUIET} >/dev/full${DONE}`,
    far: (far) => far.send("bye"),
    expected: "sends 0 B and FIN, prints 0 B, exit 1",
  },
  {
    name: "SIGTERM",
    line: `"$@" ${QUIET} >"$OUT" & echo $! >"$PID"; wait $!${DONE}`,
    async far(far, client) {
      await far.send("bye");
      await until(() => client.read("out") !== "", PATIENCE_MS);
      client.signal("SIGTERM");
    },
    expected: "sends 0 B and FIN, prints 3 B, exit 143",
  },
  {
    name: "SIGINT, which was ignored at the start",
    line: `trap "" INT; "$@" ${QUIET} >"$OUT" & echo $! >"$PID"; wait $!${DONE}`,
    async far(far, client) {
      await far.send("bye");
      await until(() => client.read("out") !== "", PATIENCE_MS);
      client.signal("SIGINT");
    },
    expected: "sends 0 B, prints 3 B, goes on",
  },
  {
    name: "nothing comes or goes for a time (`-i 1s`)",
    options: { iomux: "-i 1s", nc: "-w1", ncat: "-i 1s", socat: "-T1" },
    line: IDLE,
    far: (far) => far.send("bye"),
    expected: "sends 0 B and FIN, prints 3 B, exit 4",
  },
  {
    name: "`--send-only`; the peer sends, and does not end",
    options: { iomux: "--send-only", ncat: "--send-only", socat: "-u" },
    line: run("printf hello | "),
    far: (far) => far.send("x".repeat(1000)),
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

/**
 * Arranges a row, and says in words what came of it: as soon as it is what is expected, of a client that
 * goes on after a while of watching, and else when nothing more can come.
 */
export async function outcome(
  program: Program,
  row: Row,
  expected: string | undefined,
  transport: Transport = "tcp",
): Promise<{ words: string; stderr: string }> {
  using far = new FarEnd(transport);
  using client = new Running(row.line, commandOf(program, row, far));
  const connection = await far.accept(() => client.stderr);
  await row.far(connection, client);
  const words = () => {
    const fin = connection.ended === undefined ? "" : ` and ${connection.ended}`;
    // What was sent is said where it is known: to the end that the far end saw, or its own.
    const known = !row.expected.startsWith("prints");
    const sent = known ? [`sends ${count(connection.got)}${fin}`] : [];
    return [...sent, `prints ${count(client.read("out").length)}`, client.end].join(", ");
  };
  const start = performance.now();
  const most = expected === undefined ? WATCHED_MS : PATIENCE_MS;
  for (let ms = 0; ms < most; ms = performance.now() - start) {
    await connection.read(20);
    if (words() === expected && (client.end !== "goes on" || ms > WATCHED_MS)) break;
    if (connection.over) await sleep(20);
  }
  return { words: words(), stderr: client.stderr };
}
