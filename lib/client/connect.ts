/** Connecting a socket: to one of the addresses of a host, or to a Unix socket. */
import { formatAddress, type OSError, ResolveError, resolveHost, Socket } from "../net/mod.ts";
import { Race } from "../net/race.ts";
import { EVENT_WRITE } from "../selectors/mod.ts";
import type { Loop } from "./loop.ts";

/** Where to connect to, and from where. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Only addresses of IPv4, or of IPv6. */
  readonly family?: 4 | 6;
  /** The local address. */
  readonly source?: { readonly host: string; readonly port?: number };
}

/** What connecting is bounded by, and whom it tells. */
export interface Bounds {
  /** In milliseconds of performance.now(). */
  readonly deadline: number;
  /** The error when it has passed. */
  readonly late: () => Error;
  /** Its reason is thrown when it is aborted. */
  readonly stop: AbortSignal;
  /** Gets what is done, in words. */
  readonly trace: (line: string) => void;
}

/** A Unix listener whose backlog is full (EAGAIN) is asked again after so long: nothing says when. */
const ASK_AGAIN_MS = 10;
/** The longest delay of a timer of the runtimes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 0x7fffffff;

/** One address that is tried. */
class Attempt {
  readonly #name: string;
  readonly #trace: Bounds["trace"];
  readonly #startedAt = performance.now();
  readonly socket: Socket;

  constructor(host: string, { port, source }: Target, trace: Bounds["trace"]) {
    this.#name = formatAddress({ family: host.includes(":") ? "ipv6" : "ipv4", host, port });
    this.#trace = trace;
    trace(`trying ${this.#name}`);
    const options = { host, port, ...(source ? { bind: source } : {}) };
    this.socket = this.#traced(() => Socket.connect(options));
  }
  fileno(): number {
    return this.socket.fileno();
  }
  waitConnected(timeoutMs: number): boolean {
    const connected = this.#traced(() => this.socket.waitConnected(timeoutMs));
    if (connected) this.#trace(`connected to ${this.#name} after ${this.#took()}`);
    return connected;
  }
  close(): void {
    this.socket.close();
  }

  #traced<R>(action: () => R): R {
    try {
      return action();
    } catch (error) {
      this.#trace(`${(error as OSError).message}, after ${this.#took()}`);
      throw error;
    }
  }
  #took(): string {
    return `${(performance.now() - this.#startedAt).toFixed(1)} ms`;
  }
}

/** Connects to a host, by the address that answers first (RFC 8305). @throws ResolveError; OSError */
export async function connectToHost(target: Target, bounds: Bounds, loop: Loop): Promise<Socket> {
  const { deadline, late, stop, trace } = bounds;
  const addresses = await within(resolveHost(target.host, target.family), bounds);
  const race = new Race(addresses, (address) => new Attempt(address, target, trace));
  try {
    for (;;) {
      stop.throwIfAborted();
      const connected = advanced(race, target.host);
      if (connected) return connected.socket;
      const left = deadline - performance.now();
      if (left <= 0) throw late();
      for (const attempt of race.attempts) loop.watch(attempt.fileno(), EVENT_WRITE, () => {});
      const watched = race.attempts.map((attempt) => attempt.fileno());
      await loop.turn(Math.min(left, race.delayMs));
      for (const fd of watched) loop.forget(fd);
    }
  } finally {
    race.close();
  }
}

/** As `advance`: an address whose zone this machine does not have can't be resolved, like a name. */
function advanced(race: Race<Attempt>, host: string): Attempt | undefined {
  try {
    return race.advance();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ResolveError(host, error.message);
  }
}

/** Connects to a Unix socket. @throws OSError */
export async function connectToPath(path: string, bounds: Bounds, loop: Loop): Promise<Socket> {
  bounds.trace(`trying unix:${path}`);
  for (;;) {
    bounds.stop.throwIfAborted();
    try {
      return Socket.connect({ path });
    } catch (error) {
      if ((error as OSError).code !== "EAGAIN") throw error;
    }
    const left = bounds.deadline - performance.now();
    if (left <= 0) throw bounds.late();
    await loop.turn(Math.min(ASK_AGAIN_MS, left));
  }
}

/** What a promise resolves to, unless the time has passed or a signal has come before. */
function within<T>(promise: Promise<T>, { deadline, late, stop }: Bounds): Promise<T> {
  return new Promise((resolve, reject) => {
    const left = Math.max(0, deadline - performance.now());
    const timer = setTimeout(() => reject(late()), Math.min(left, LONGEST_TIMER_MS));
    const abort = () => reject(stop.reason);
    stop.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      stop.removeEventListener("abort", abort);
    });
  });
}
