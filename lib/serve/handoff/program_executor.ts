/** Child processes as handlers: a program for each connection that is ready, as its stdin and stdout. */
import type { Engine } from "../../engine/mod.ts";
import { type InetAddress, type OSError, Socket } from "../../net/mod.ts";
import { closeFd } from "../../sys/posix.ts";
import { unreadBytes } from "../../sys/sockets.ts";
import { arrivedBytes } from "../../sys/tcp_info.ts";
import { type Ending, killGroup, openPidfd, Program, reap } from "../../sys/spawn.ts";
import { SIGKILL, SIGTERM } from "../../sys/spawn.ts";
import type { Executor, Lease, Outcome } from "./executor.ts";

/** Starting a program takes the loop about a millisecond: so many in a turn, the others wait for the next. */
const STARTS_PER_TURN = 8;
/** How often to ask for an end where the system can't tell of it. */
const POLL_MS = 20;
/** Between the request to end and the end. */
const GRACE_MS = 1000;

/** A running program. */
interface Child {
  readonly pid: number;
  readonly worker: number;
  /** What there was to receive, and what had arrived until then, when it began. */
  readonly unread: number;
  readonly arrived: number | undefined;
  /** Stops watching for its end. */
  forget(): void;
}

/** Runs a program for each connection; as many at a time as there are connections. */
export class ProgramExecutor implements Executor {
  /** A program has read to the end before it ends, or does not care. */
  readonly seesEnd = false;
  readonly #engine: Engine;
  readonly #program: Program;
  readonly #running = new Map<Lease, Child>();
  /** Told to end; those that don't are ended. */
  readonly #abandoned = new Set<number>();
  readonly #ended: [Lease, Outcome][] = [];
  /** Numbers that may be given again. */
  readonly #free: number[] = [];
  #given = 0;
  #starts = 0;
  #ticket = 0;

  constructor(engine: Engine, command: readonly string[]) {
    this.#engine = engine;
    this.#program = new Program(command);
  }

  claim(): number | undefined {
    if (this.#starts === STARTS_PER_TURN) return undefined;
    // Whoever is left over is asked for after the next turn, which this keeps from waiting.
    if (this.#starts++ === 0) this.#engine.after(0, () => this.#starts = 0);
    return this.#free.pop() ?? this.#given++;
  }

  begin(lease: Lease): Outcome | undefined {
    const { worker } = lease;
    const [unread, arrived] = [unreadBytes(lease.fd), arrivedBytes(lease.fd)];
    let pid: number;
    try {
      pid = this.#program.start(lease.fd, variablesFor(lease.fd));
    } catch (error) {
      this.#free.push(worker);
      return { kind: "failed", message: (error as Error).message, errno: (error as OSError).errno };
    }
    const forget = this.#whenEnded(pid, () => this.#finish(lease));
    this.#running.set(lease, { pid, worker, unread, arrived, forget });
  }

  collect(finished: (lease: Lease, outcome: Outcome) => void): void {
    for (const [lease, outcome] of this.#ended.splice(0)) finished(lease, outcome);
  }

  /** The program ends, too: its connection is gone, and it may not be left behind. */
  abandon(lease: Lease): void {
    const child = this.#running.get(lease);
    if (!child) return;
    this.#leave(lease, child);
    const { pid } = child;
    killGroup(pid, SIGTERM);
    const forget = this.#whenEnded(pid, () => {
      if (!this.#bury(pid)) return;
      guard.cancel();
      forget();
    });
    const guard = this.#engine.after(GRACE_MS, () => killGroup(pid, SIGKILL));
    this.#abandoned.add(pid);
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const { pid } of this.#running.values()) killGroup(pid, SIGKILL);
    for (const pid of this.#abandoned) killGroup(pid, SIGKILL);
  }

  nextTicket(): number {
    return ++this.#ticket;
  }
  waiting(): void {} // each loop has its own

  #finish(lease: Lease): void {
    const child = this.#running.get(lease);
    const ending = child && this.#bury(child.pid);
    if (!ending) return;
    this.#leave(lease, child);
    this.#ended.push([lease, judge(this.#program.name, ending, taken(child, lease.fd))]);
  }

  #leave(lease: Lease, child: Child): void {
    this.#running.delete(lease);
    this.#free.push(child.worker);
    child.forget();
  }

  /** Takes note of an end, and ends what the program has left behind: it may hold the connection. */
  #bury(pid: number): Ending | undefined {
    const ending = reap(pid);
    if (!ending) return undefined;
    killGroup(pid, SIGKILL);
    this.#abandoned.delete(pid);
    return ending;
  }

  /** Calls back when a child may have ended; returns how to stop that. */
  #whenEnded(pid: number, callback: () => void): () => void {
    const fd = openPidfd(pid);
    if (fd >= 0) {
      const watch = this.#engine.watch(fd, callback);
      return () => {
        watch.close();
        closeFd(fd);
      };
    }
    const ask = () => {
      timer = this.#engine.after(POLL_MS, ask);
      callback();
    };
    let timer = this.#engine.after(POLL_MS, ask);
    return () => timer.cancel();
  }
}

/** How many bytes a program has received; undefined when it may be none. */
function taken({ unread, arrived }: Child, fd: number): number | undefined {
  const [stillUnread, haveArrived] = [unreadBytes(fd), arrivedBytes(fd)];
  if (arrived !== undefined && haveArrived !== undefined) {
    return Math.max(0, unread + haveArrived - arrived - stillUnread);
  }
  return stillUnread === unread ? undefined : 1;
}

function judge(program: string, ending: Ending, taken: number | undefined): Outcome {
  const { code, signal } = ending;
  if (code === 0) return { kind: "keep", bytes: new Uint8Array(0), taken };
  const how = signal > 0 ? `was ended by signal ${signal}` : `ended with code ${code}`;
  return { kind: "failed", message: `${program} ${how}`, errno: 0 };
}

/** What programs behind a server expect to be told of their peer (the UCSPI convention). */
function variablesFor(fd: number): Record<string, string> {
  const socket = Socket.fromFd(fd);
  try {
    const [local, remote] = [socket.localAddress, socket.remoteAddress];
    if (remote.family === "unix") return { PROTO: "UNIX" };
    const { host, port } = local as InetAddress;
    return {
      PROTO: "TCP",
      TCPLOCALIP: host,
      TCPLOCALPORT: `${port}`,
      TCPREMOTEIP: remote.host,
      TCPREMOTEPORT: `${remote.port}`,
    };
  } catch {
    return {}; // reset meanwhile
  } finally {
    socket.detach();
  }
}
