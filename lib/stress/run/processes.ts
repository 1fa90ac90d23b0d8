/** A run over several processes: they connect, begin together, and each says what it has done. */
import { constants } from "node:os";
import { Socket, socketPair } from "../../net/mod.ts";
import { createSelector, EVENT_READ, type Selector } from "../../selectors/mod.ts";
import { type Ending, killGroup, Program, reap, SIGKILL } from "../../sys/spawn.ts";
import { Link, type ToProcess } from "./process_link.ts";
import type { StressResult, TimelineRow } from "../../result/result.ts";
import type { LoadResult } from "../plan/plan.ts";
import type { Progress } from "./watch.ts";

/** How far a process is. */
export interface ProgressReport {
  readonly progress: Progress;
  readonly elapsedMs: number;
  /** What happened in its last second. */
  readonly second: TimelineRow | null;
}

/** What a process of a run says. */
export type FromProcess =
  | { readonly type: "connected" }
  | { readonly type: "progress"; readonly report: ProgressReport }
  | {
    readonly type: "result";
    readonly result: StressResult;
    readonly tlsFailure: LoadResult["tlsFailure"];
  }
  | { readonly type: "failed"; readonly message: string };

/** What became of a process: its result, or why there is none. */
export type ProcessOutcome = Extract<FromProcess, { type: "result" | "failed" }>;

/** What a run over processes needs. */
export interface ProcessesOptions {
  /** Called when all have connected; they begin when it resolves. */
  readonly connected?: (() => Promise<void> | undefined) | undefined;
  /** Ends the run early, with results of what was done. */
  readonly interruption: AbortSignal;
  /** A process says how far it is, several times a second. */
  readonly progress?: (index: number, report: ProgressReport) => void;
}

/** How long a process may take to end after it was told to, before it is killed, in milliseconds. */
const PATIENCE_MS = 10_000;
const REAP_MS = 5;
/** How long an ended process may take to be known as such, once its socket is closed. */
const REAPS = 400;

/** A process and what is known of it. */
interface Child {
  readonly index: number;
  readonly pid: number;
  readonly link: Link<FromProcess, ToProcess>;
  connected: boolean;
  outcome: ProcessOutcome | undefined;
}

/**
 * Starts `command` once for each of `settings`, and resolves when all have ended. When one of them dies
 * the others go on.
 *
 * @throws OSError when none can be started
 */
export async function runProcesses(
  command: readonly string[],
  settings: readonly unknown[],
  options: ProcessesOptions,
): Promise<ProcessOutcome[]> {
  return await new Processes(command, settings, options).run();
}

class Processes {
  readonly #children: Child[] = [];
  readonly #selector: Selector<Child> = createSelector<Child>("poll");
  readonly #options: ProcessesOptions;
  #going = false;
  #guard: ReturnType<typeof setTimeout> | undefined;

  constructor(command: readonly string[], settings: readonly unknown[], options: ProcessesOptions) {
    this.#options = options;
    const program = new Program(command);
    try {
      for (const [index, one] of settings.entries()) this.#start(program, index, one);
    } catch (error) {
      for (const { pid } of this.#children) killGroup(pid, SIGKILL);
      this.#close();
      throw error;
    }
  }

  #start(program: Program, index: number, settings: unknown): void {
    const [ours, theirs] = socketPair();
    try {
      theirs.setBlocking(true);
      const pid = program.start(theirs.fileno());
      const link = new Link<FromProcess, ToProcess>(ours);
      const child: Child = { index, pid, link, connected: false, outcome: undefined };
      this.#children.push(child);
      this.#selector.register(ours, EVENT_READ, child);
      void link.send({ type: "begin", settings });
    } catch (error) {
      ours.close();
      throw error;
    } finally {
      theirs.close();
    }
  }

  async run(): Promise<ProcessOutcome[]> {
    const { interruption } = this.#options;
    const stop = () => this.#stop();
    interruption.addEventListener("abort", stop);
    if (interruption.aborted) stop();
    try {
      while (this.#selector.getMap().size > 0) {
        for (const [{ data: child }] of await this.#selector.selectAsync()) {
          for (const message of child.link.take()) {
            if (message) this.#heard(child, message);
            else await this.#ended(child);
          }
        }
      }
    } finally {
      interruption.removeEventListener("abort", stop);
      this.#close();
    }
    return this.#children.map(({ outcome }) => outcome!);
  }

  #heard(child: Child, message: FromProcess): void {
    switch (message.type) {
      case "connected":
        child.connected = true;
        return this.#beginTogether();
      case "progress":
        return this.#options.progress?.(child.index, message.report);
      default:
        child.outcome = message;
    }
  }

  /** As soon as nobody connects any more. */
  #beginTogether(): void {
    const waiting = this.#children.some((child) => !child.connected && !child.outcome);
    if (waiting || this.#going) return;
    this.#going = true;
    void Promise.resolve(this.#options.connected?.()).then(() => this.#tell({ type: "go" }));
  }

  async #ended(child: Child): Promise<void> {
    this.#selector.unregister(child.link.socket);
    child.link.close();
    const ending = await endOf(child.pid);
    const { length } = this.#children;
    child.outcome ??= {
      type: "failed",
      message: `generator process ${child.index + 1} of ${length} (pid ${child.pid}) ` +
        describeEnd(ending),
    };
    this.#beginTogether();
  }

  #stop(): void {
    this.#tell({ type: "stop" });
    this.#guard ??= setTimeout(() => {
      for (const { pid, outcome } of this.#children) if (!outcome) killGroup(pid, SIGKILL);
    }, PATIENCE_MS);
  }

  #tell(message: ToProcess): void {
    for (const { link, outcome } of this.#children) if (!outcome) void link.send(message);
  }

  #close(): void {
    clearTimeout(this.#guard);
    this.#selector.close();
    for (const { link } of this.#children) link.close();
  }
}

/** How a process has ended whose socket is closed; one that closed it and goes on is killed. */
async function endOf(pid: number): Promise<Ending> {
  for (let i = 0; i < REAPS; i++) {
    const ending = reap(pid);
    if (ending) return ending;
    await new Promise((resolve) => setTimeout(resolve, REAP_MS));
  }
  killGroup(pid, SIGKILL);
  return reap(pid) ?? { code: -1, signal: SIGKILL };
}

function describeEnd({ code, signal }: Ending): string {
  if (signal === 0) return `ended with code ${code}, and without a result`;
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return `was ended by ${name ?? `signal ${signal}`}`;
}

/** This process's end of the talk: its stdin, which is a socket then. @throws OSError ENOTSOCK */
export function linkOfThisProcess(): Link<ToProcess, FromProcess> {
  const socket = Socket.fromFd(0);
  void socket.localAddress; // fails unless it is a socket
  return new Link(socket);
}
