/** Which ports of a host take connections. */
import { setLinger } from "../net/options.ts";
import { EVENT_WRITE } from "../selectors/selector.ts";
import { codeName, type OSError } from "../sys/errno.ts";
import { connectResult, PortProbe } from "../sys/socket/port_probe.ts";
import { closeFd } from "../sys/posix.ts";
import type { Loop } from "./loop.ts";

/** How a port answered: with a connection, with a refusal, or not at all. */
export type PortState = "open" | "refused" | "filtered";

export interface ScanOptions {
  readonly host: string;
  readonly ports: readonly number[];
  readonly source?: { readonly host: string; readonly port?: number };
  /** How long a port has to answer; milliseconds. */
  readonly timeoutMs: number;
  readonly inFlight: number;
  /** Is called for a port that can't be asked: the source's port has a connection to it already, or had. */
  readonly skipped: (error: OSError) => void;
  /** Is called for each port, in the order in which they are known. */
  readonly found: (port: number, state: PortState) => void;
}

interface Probe {
  readonly port: number;
  readonly fd: number;
  readonly deadline: number;
}

/** A firewall that says so (by ICMP) is a filter like one that is silent, and so is a route that drops (EINVAL). */
const REFUSED = new Set(["ECONNREFUSED", "ECONNRESET"]);
const FILTERED = new Set(["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EACCES", "EPERM", "EINVAL"]);
/** How many answers that come at once are taken before signals get their turn. */
const BUDGET = 512;

export class Scan {
  readonly #options: ScanOptions;
  readonly #loop: Loop;
  readonly #probe: PortProbe;
  readonly #going = new Map<number, Probe>();
  #next = 0;

  constructor(options: ScanOptions, loop: Loop) {
    this.#options = options;
    this.#loop = loop;
    this.#probe = new PortProbe(options.host, options.source);
  }

  /**
   * Tries all ports, as many at a time as `inFlight` says.
   *
   * @throws OSError of this machine, such as EMFILE; the signal's reason
   */
  async run(stop: AbortSignal): Promise<void> {
    const { ports } = this.#options;
    try {
      while (this.#next < ports.length || this.#going.size > 0) {
        stop.throwIfAborted();
        this.#start();
        await this.#loop.turn(this.#wait());
        this.#giveUpLate();
      }
    } finally {
      for (const { port } of this.#going.values()) this.#end(port);
    }
  }

  #start(): void {
    const { ports, inFlight } = this.#options;
    for (let i = 0; i < BUDGET && this.#next < ports.length; i++) {
      if (this.#going.size >= inFlight) return;
      this.#startOne(ports[this.#next++]!);
    }
  }

  #startOne(port: number): void {
    const { timeoutMs, found, skipped } = this.#options;
    let fd;
    try {
      fd = this.#probe.start(port);
    } catch (error) {
      const { code, syscall } = error as OSError;
      const isTaken = this.#options.source?.port && syscall === "connect" &&
        code === "EADDRNOTAVAIL";
      if (isTaken) return skipped(error as OSError);
      const state = stateOf(code);
      if (state === undefined) throw error;
      return found(port, state);
    }
    this.#going.set(port, { port, fd, deadline: performance.now() + timeoutMs });
    // Most answers are there at once on this machine, and take no registration then.
    if (!this.#look(port, fd)) this.#loop.watch(fd, EVENT_WRITE, () => this.#look(port, fd));
  }

  /** False while a connect goes on. */
  #look(port: number, fd: number): boolean {
    const result = connectResult(fd);
    if (result === undefined) return false;
    this.#end(port);
    const state = result === 0 ? "open" : stateOf(codeName(result));
    this.#options.found(port, state ?? "filtered");
    return true;
  }

  /** Milliseconds until there is something to do even if none answers. */
  #wait(): number {
    const full = this.#going.size >= this.#options.inFlight;
    if (this.#next < this.#options.ports.length && !full) return 0;
    const [first] = this.#going.values(); // the first that began is the first that is late
    return first ? Math.max(0, first.deadline - performance.now()) : 0;
  }

  #giveUpLate(): void {
    const now = performance.now();
    for (const { port, deadline } of this.#going.values()) {
      if (deadline > now) return;
      this.#end(port);
      this.#options.found(port, "filtered");
    }
  }

  #end(port: number): void {
    const { fd } = this.#going.get(port)!;
    this.#going.delete(port);
    this.#loop.forget(fd);
    // Or the source's port would be in TIME_WAIT, and have no connection to this one for a minute.
    if (this.#options.source?.port) setLinger(fd, 0);
    closeFd(fd);
  }
}

/** What an error says about a port; undefined when it is about this machine. */
function stateOf(code: string): PortState | undefined {
  if (REFUSED.has(code)) return "refused";
  return FILTERED.has(code) ? "filtered" : undefined;
}
