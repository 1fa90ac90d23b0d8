/** What a server is asked to do: plain data, so that it can be handed to a Worker. */
import type { EngineName } from "../engine/mod.ts";
import type { SelectorName } from "../selectors/mod.ts";
import type { TlsIdentity } from "../tls/mod.ts";
import type { FaultOptions } from "./faults/options.ts";

/** Who answers instead of a service: a handler module or a program. */
export interface HandoffOptions {
  /** The address of a module whose default export is a BlockingHandler: "file:///…". */
  readonly module?: string;
  /** A program and its arguments; it has the connection as stdin and stdout. */
  readonly command?: readonly string[];
  /** Size of the pool of handler workers; a program has a process for each connection. */
  readonly workers: number;
  /** How long one may keep a connection, in milliseconds; 0 is no limit. */
  readonly leaseMs: number;
}

/** The configuration of a server. Durations are in milliseconds, 0 switches a timeout off. */
export interface ServeOptions {
  /** An IP address or "localhost". */
  readonly host: string;
  readonly port: number;
  /** The path of a Unix socket, instead of host and port. */
  readonly path?: string;
  readonly service: string;
  readonly selector: SelectorName | "auto";
  readonly engine?: EngineName | "auto";
  readonly workers: number;
  /** Above it newcomers are closed and counted as rejected. */
  readonly maxConnections: number;
  /** Unsent output per connection, in bytes. */
  readonly maxBuffer: number;
  readonly idleMs: number;
  readonly finMs: number;
  readonly drainMs: number;
  readonly backlog: number;
  /** Networks in CIDR notation: see Admission. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Connections from one address; more are closed and counted as denied. 0 is no limit. */
  readonly maxPerAddress?: number;
  /** Listening sockets that were handed over, instead of an address. */
  readonly listenFds?: readonly number[];
  readonly trace: boolean;
  readonly handoff?: HandoffOptions;
  readonly tls?: TlsIdentity;
  /** Faults on purpose; without them nothing of it is loaded into a connection's path. */
  readonly faults?: FaultOptions;
}

/** The defaults of the contract; `maxConnections` depends on the limit of open files. */
export const SERVE_DEFAULTS: Omit<ServeOptions, "maxConnections"> = {
  host: "0.0.0.0",
  port: 9999,
  service: "echo",
  selector: "auto",
  workers: 1,
  maxBuffer: 1 << 20,
  idleMs: 0,
  finMs: 30_000,
  drainMs: 10_000,
  backlog: 4096,
  trace: false,
};

/** How many connections fit below a limit of open files, with a reserve for everything else. */
export function connectionsBelow(openFiles: number): number {
  if (openFiles === Infinity) return 1_000_000;
  return Math.max(1, openFiles - Math.min(100, Math.ceil(openFiles / 4)));
}
