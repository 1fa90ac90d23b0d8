/** Connecting a socket: to one of the addresses of a host, or to a Unix socket. */
import { formatAddress, type OSError, Socket } from "../net/mod.ts";
import { dial, dialBy } from "../net/dial.ts";
import { EVENT_WRITE } from "../selectors/selector.ts";
import { formatDuration } from "../text/units.ts";
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

/** The bounds of connecting, and its observer. */
export interface ConnectBounds {
  readonly timeoutMs: number;
  /** Its reason is thrown when it is aborted. */
  readonly signal: AbortSignal;
  /** Gets what is done, in words. */
  readonly trace: (line: string) => void;
}

class Attempt {
  readonly #name: string;
  readonly #trace: ConnectBounds["trace"];
  readonly #startedAt = performance.now();
  readonly socket: Socket;

  /** @throws OSError; ResolveError */
  constructor(host: string, { port, source }: Target, trace: ConnectBounds["trace"]) {
    this.#name = formatAddress({ family: host.includes(":") ? "ipv6" : "ipv4", host, port });
    this.#trace = trace;
    trace(`trying ${this.#name}`);
    this.socket = this.#traced(() => Socket.connect({ host, port, bind: source }));
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
    return formatDuration(performance.now() - this.#startedAt);
  }
}

/** Connects, by the address that answers first. @throws ResolveError; OSError; the signal's reason */
export async function connect(
  to: Target | { readonly path: string },
  { trace, ...bounds }: ConnectBounds,
  loop: Loop,
): Promise<Socket> {
  const wait = async (attempts: readonly { fileno(): number }[], ms: number) => {
    const watched = attempts.map((attempt) => attempt.fileno());
    for (const fd of watched) loop.watch(fd, EVENT_WRITE, () => {});
    await loop.turn(ms);
    for (const fd of watched) loop.forget(fd);
  };
  if ("path" in to) {
    trace(`trying unix:${to.path}`);
    return await dial({ path: to.path, ...bounds }, wait);
  }
  const { host, port, family } = to;
  const options = { host, port, family, ...bounds };
  return (await dialBy(options, (address) => new Attempt(address, to, trace), wait)).socket;
}
