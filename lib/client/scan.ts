/** Which ports of a host take connections. */
import { type OSError, Socket } from "../net/mod.ts";
import { EVENT_WRITE } from "../selectors/mod.ts";
import type { Loop } from "./loop.ts";

/** How a port answered: with a connection, with a refusal, or not at all. */
export type PortState = "open" | "refused" | "filtered";

/** What to scan. */
export interface ScanOptions {
  /** An IP address. */
  readonly host: string;
  readonly ports: readonly number[];
  readonly source?: { readonly host: string; readonly port?: number };
  /** How long a port has to answer; milliseconds. */
  readonly timeoutMs: number;
  /** Probes at the same time. */
  readonly inFlight: number;
  /** Is called for each port, in the order in which they are known. */
  readonly found: (port: number, state: PortState) => void;
}

/** A firewall that says so (ICMP) is a filter like one that is silent. */
const REFUSED = new Set(["ECONNREFUSED", "ECONNRESET"]);
const FILTERED = new Set(["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EACCES", "EPERM"]);

/**
 * Tries all ports, as many at a time as `inFlight` says.
 *
 * @throws OSError of this machine, such as EMFILE; the signal's reason
 */
export async function scan(options: ScanOptions, loop: Loop, stop: AbortSignal): Promise<void> {
  const going = new Map<number, Probe>();
  const finish = (probe: Probe, state: PortState) => {
    if (going.delete(probe.port)) loop.forget(probe.socket.fileno());
    probe.socket.close();
    options.found(probe.port, state);
  };
  const look = (probe: Probe) => {
    const state = stateOf(probe);
    if (state) finish(probe, state);
    return state;
  };
  const waiting = options.ports[Symbol.iterator]();
  try {
    for (let next = waiting.next(); !next.done || going.size > 0;) {
      stop.throwIfAborted();
      for (; !next.done && going.size < options.inFlight; next = waiting.next()) {
        const probe = start(next.value, options);
        if (typeof probe === "string") options.found(next.value, probe);
        else if (look(probe) === undefined) {
          going.set(probe.port, probe);
          loop.watch(probe.socket.fileno(), EVENT_WRITE, () => look(probe));
        }
      }
      // In the order in which they began, the first is the first that is late.
      const [first] = going.values();
      if (!first) continue;
      await loop.turn(Math.max(0, first.deadline - performance.now()));
      for (const probe of going.values()) {
        if (probe.deadline > performance.now()) break;
        finish(probe, "filtered");
      }
    }
  } finally {
    for (const { socket } of going.values()) {
      loop.forget(socket.fileno());
      socket.close();
    }
  }
}

interface Probe {
  readonly port: number;
  readonly socket: Socket;
  readonly deadline: number;
}

function start(port: number, { host, source, timeoutMs }: ScanOptions): Probe | PortState {
  try {
    const socket = Socket.connect({ host, port, ...(source ? { bind: source } : {}) });
    return { port, socket, deadline: performance.now() + timeoutMs };
  } catch (error) {
    return answerOf(error);
  }
}

/** How a probe ended; undefined while it has not. */
function stateOf({ socket }: Probe): PortState | undefined {
  try {
    return socket.waitConnected(0) ? "open" : undefined;
  } catch (error) {
    return answerOf(error);
  }
}

function answerOf(error: unknown): PortState {
  const { code } = error as OSError;
  if (REFUSED.has(code)) return "refused";
  if (FILTERED.has(code)) return "filtered";
  throw error;
}
