/** Child processes as handlers: a program for each connection that is ready, as its stdin and stdout. */
import type { Engine } from "../../engine/mod.ts";
import { type InetAddress, type OSError, Socket } from "../../net/mod.ts";
import { closeFd, setNonBlocking } from "../../sys/posix.ts";
import { addressIn } from "../../sys/socket/sockaddr.ts";
import { countReceived, receivedSince, unreadBytes } from "../../sys/socket/sockets.ts";
import {
  type Ending,
  hasEnded,
  killGroup,
  openPidfd,
  Program,
  reap,
  SIGKILL,
  SIGPIPE,
  SIGTERM,
} from "../../sys/process/spawn.ts";
import { arrivedBytes } from "../../sys/socket/tcp_info.ts";
import { afterRunning } from "../running_time.ts";
import type { Executor, Lease, Outcome } from "./executor.ts";

/** Starting a program takes the loop about a millisecond: so many in a turn, the others wait for the next. */
const STARTS_PER_TURN = 8;
/** How often to ask for an end where the system can't report it. */
const POLL_MS = 20;
/** Between the request to end and the end. */
const GRACE_MS = 1000;
/** How long programs that were killed may take to be gone. */
const KILL_MS = 1000;
/** So many programs of a loop are known to the main thread. */
const MOST = 1 << 16;

/** What programs behind a server expect to find in their environment (the UCSPI convention). */
const VARIABLES = [
  ...["PROTO", "TCPLOCALIP", "TCPLOCALPORT", "TCPLOCALHOST"],
  ...["TCPREMOTEIP", "TCPREMOTEPORT", "TCPREMOTEHOST", "TCPREMOTEINFO"],
];

interface Child {
  readonly pid: number;
  readonly worker: number;
  /** What had arrived, and was unread, when it started. */
  readonly before: Input;
  forget(): void;
}

/** Memory in which a loop notes the process ids of its programs, for the case that its thread ends. */
export const programTable = (connections: number): SharedArrayBuffer =>
  new SharedArrayBuffer(4 * Math.min(connections, MOST));

/** Kills the programs of a table with their process groups, and waits for them. */
export function endPrograms(table: SharedArrayBuffer): void {
  const pids = new Int32Array(table);
  const alive = new Set(pids.filter((pid) => pid > 0));
  for (const pid of alive) killGroup(pid, SIGKILL);
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  for (const end = performance.now() + KILL_MS; alive.size > 0 && performance.now() < end;) {
    for (const pid of alive) if (reap(pid)) alive.delete(pid);
    if (alive.size > 0) Atomics.wait(sleep, 0, 0, 1);
  }
  pids.fill(0);
}

/** Runs a program for each connection; as many at a time as there are connections. */
export class ProgramExecutor implements Executor {
  /** A program has read to the end before it ends, or does not care. */
  readonly seesEnd = false;
  readonly shares = true;
  readonly #engine: Engine;
  readonly #program: Program;
  readonly #table: SharedArrayBuffer;
  readonly #pids: Int32Array;
  readonly #running = new Map<Lease, Child>();
  readonly #ended: [Lease, Outcome][] = [];
  /** Numbers of workers that may be given again. */
  readonly #free: number[] = [];
  #given = 0;
  #starts = 0;
  #ticket = 0;

  constructor(engine: Engine, command: readonly string[], table: SharedArrayBuffer) {
    this.#engine = engine;
    this.#program = new Program(command, VARIABLES);
    this.#table = table;
    this.#pids = new Int32Array(table);
  }

  claim(): number | undefined {
    if (this.#starts === STARTS_PER_TURN) return undefined;
    // What is left over is asked for after the next turn, which this keeps from waiting.
    if (this.#starts++ === 0) this.#engine.after(0, () => this.#starts = 0);
    return this.#free.pop() ?? this.#given++;
  }

  start(lease: Lease): Outcome | undefined {
    const { worker } = lease;
    const before = inputOf(lease.fd);
    if (before.arrived === undefined) countReceived(lease.fd);
    let pid: number;
    try {
      setNonBlocking(lease.fd, false);
      pid = this.#program.start(lease.fd, variablesFor(lease));
    } catch (error) {
      receivedSince(lease.fd);
      this.#free.push(worker);
      return { kind: "failed", message: (error as Error).message, errno: (error as OSError).errno };
    }
    if (worker < this.#pids.length) this.#pids[worker] = pid;
    const forget = this.#whenEnded(pid, () => this.#finish(lease));
    this.#running.set(lease, { pid, worker, before, forget });
  }

  collect(finished: (lease: Lease, outcome: Outcome) => void): void {
    for (const [lease, outcome] of this.#ended.splice(0)) finished(lease, outcome);
  }

  /** The program ends, too: its connection is gone, and it may not be left behind. */
  abandon(lease: Lease): void {
    const child = this.#running.get(lease);
    if (!child) return;
    this.#running.delete(lease);
    child.forget();
    receivedSince(lease.fd);
    const { pid } = child;
    killGroup(pid, SIGTERM);
    const guard = afterRunning(this.#engine, GRACE_MS, () => killGroup(pid, SIGKILL));
    const forget = this.#whenEnded(pid, () => {
      if (!this.#reap(child)) return;
      guard.cancel();
      forget();
    });
  }

  close(): void {
    endPrograms(this.#table);
  }

  nextTicket(): number {
    return ++this.#ticket;
  }
  waiting(): void {} // each loop has its own

  #finish(lease: Lease): void {
    const child = this.#running.get(lease);
    const ending = child && this.#reap(child);
    if (!ending) return;
    this.#running.delete(lease);
    child.forget();
    const received = receivedSince(lease.fd) ?? taken(child.before, inputOf(lease.fd));
    this.#ended.push([lease, judge(this.#program.name, ending, received)]);
  }

  /**
   * Takes note of an end, and ends what the program has left behind, as that may hold the connection:
   * before it is waited for, since after that its number may be another process's.
   */
  #reap({ pid, worker }: Child): Ending | undefined {
    if (!hasEnded(pid)) return undefined;
    killGroup(pid, SIGKILL);
    if (worker < this.#pids.length) this.#pids[worker] = 0;
    this.#free.push(worker);
    return reap(pid);
  }

  /** Calls back when a child may have ended; returns how to stop that. */
  #whenEnded(pid: number, callback: () => void): () => void {
    const fd = openPidfd(pid);
    if (fd >= 0) {
      try {
        const watch = this.#engine.watch(fd, callback);
        return () => {
          watch.close();
          closeFd(fd);
        };
      } catch {
        closeFd(fd); // above FD_SETSIZE, for one: it is asked then
      }
    }
    const ask = () => {
      timer = this.#engine.after(POLL_MS, ask);
      callback();
    };
    let timer = this.#engine.after(POLL_MS, ask);
    return () => timer.cancel();
  }
}

/** What a connection has to receive. */
interface Input {
  readonly unread: number;
  /** TCP where it is counted: bytes that have arrived since it began. */
  readonly arrived: number | undefined;
}

/** Both at one moment: bytes may arrive while one of them is asked for. */
function inputOf(fd: number): Input {
  for (;;) {
    const arrived = arrivedBytes(fd);
    const unread = unreadBytes(fd);
    if (arrivedBytes(fd) === arrived) return { unread, arrived };
  }
}

/** How many bytes a program has received; undefined when it may be none. */
function taken(before: Input, after: Input): number | undefined {
  if (before.arrived === undefined || after.arrived === undefined) {
    return Math.max(0, before.unread - after.unread) || undefined;
  }
  return Math.max(0, before.unread + after.arrived - before.arrived - after.unread);
}

function judge(program: string, { code, signal }: Ending, taken: number | undefined): Outcome {
  if (code === 0) return { kind: "keep", bytes: new Uint8Array(0), taken };
  const how = signal > 0 ? `was ended by signal ${signal}` : `ended with code ${code}`;
  // SIGPIPE is the peer's doing.
  const died = signal > 0 && signal !== SIGPIPE;
  return { kind: "failed", message: `${program} ${how}`, errno: 0, died };
}

function variablesFor({ fd, sockaddr }: Lease): Record<string, string> {
  const socket = Socket.fromFd(fd, sockaddr && addressIn(sockaddr));
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
