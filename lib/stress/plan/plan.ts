/** What a run is asked to do, and what its threads say: plain data, which goes to other threads. */
import type { SelectorName } from "../../selectors/mod.ts";
import type { TlsClientOptions } from "../../tls/mod.ts";
import type { Expectation } from "./expectation.ts";
import type { Mismatch, SlowConnection } from "../../result/result.ts";

/** Where the target is; addresses are numeric by now. */
export type Target =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** A part of a run. The last one lasts for as long as the run does. */
export interface Stage {
  readonly durationMs: number;
  /** Messages a second over all connections at its begin and its end, between which it is linear. */
  readonly rate?: { readonly from: number; readonly to: number };
  /** Connections that take part, likewise. */
  readonly connections?: { readonly from: number; readonly to: number };
}

/** Of a run over several processes the part that one of them has. */
export interface ProcessPart {
  /** Which process this is, and of how many. */
  readonly index: number;
  readonly of: number;
  /** The number of its first connection, and how many there are over all processes. */
  readonly firstConnection: number;
  readonly connections: number;
}

/** A run. Durations are in milliseconds. */
export interface Plan {
  readonly target: Target;
  readonly connections: number;
  /** Stop after this time, warm-up not included; null for no limit. */
  readonly durationMs: number | null;
  /** Stop after this many messages over all connections; null for no limit. */
  readonly messages: number | null;
  /** Bytes of one message of the seeded stream. */
  readonly size: number;
  /** A message with escapes and placeholders, in place of the seeded stream; null for that. */
  readonly message: string | null;
  readonly expect: Expectation;
  /** Messages in flight on a connection; null for any number, as in an open loop. */
  readonly pipeline: number | null;
  /** Open loop: messages a second over all connections; null in a closed loop. */
  readonly rate: number | null;
  /** Messages of an open loop are due together, at multiples of this time; 0 for each at its own. */
  readonly tickMs: number;
  /** How the rate or the number of connections changes; empty for a run that is always the same. */
  readonly stages: readonly Stage[];
  /** Connects a second over all threads; null for as fast as they come. */
  readonly connectRate: number | null;
  /** Connections begin spread over this time, and a rate rises from 0 during it. */
  readonly rampMs: number;
  /** Each connection exchanges one message and then stays idle. */
  readonly hold: boolean;
  /** Connect anew after this many messages; null for never. */
  readonly messagesPerConnection: number | null;
  /** Replace connections that were lost. */
  readonly reconnect: boolean;
  /** Not counted, before `durationMs` begins. */
  readonly warmupMs: number;
  /** Local addresses to spread over; empty for the system's choice. */
  readonly sources: readonly string[];
  readonly workers: number;
  readonly clientSelector: SelectorName | "auto";
  /** For a connect, and for a reply. */
  readonly timeoutMs: number;
  readonly seed: number;
  /** What the others do, if this process has only a part of the run. The plan's numbers are this part's. */
  readonly part?: ProcessPart;
  /** Connections are TLS, to a server of this name or IP address. */
  readonly tls?: TlsClientOptions & { readonly serverName: string };
}

/** The part of a run that one thread drives. */
export interface LoadData {
  readonly plan: Plan;
  /** Which of the threads this is, and of how many. */
  readonly worker: number;
  readonly workers: number;
  /** This thread's connections: numbers from `first`, `count` of them. */
  readonly first: number;
  readonly count: number;
  /** One Int32: the latest command. */
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** Five recorders, see recorder.ts. */
  readonly recorders: SharedArrayBuffer;
}

/** Commands to the threads. `go` when everybody is connected, `stop` at an interrupt. */
export const LOAD_COMMAND = { connect: 0, go: 1, stop: 2 } as const;

/** What a thread has done; what it counts while it runs lies in shared memory. */
export interface LoadResult {
  readonly established: number;
  readonly failed: number;
  readonly lost: number;
  readonly reconnected: number;
  readonly peak: number;
  readonly sent: number;
  readonly received: number;
  readonly mismatched: number;
  readonly timedOut: number;
  readonly unanswered: number;
  /** When counting began and ended, in milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly firstMismatch: Mismatch | null;
  /** Why TLS has failed on the first connection on which it has: code and message. */
  readonly tlsFailure: { readonly code: string; readonly message: string } | null;
  /** CPU time of the thread while it counted, in milliseconds. */
  readonly cpu: { readonly user: number; readonly system: number };
  /** Turns that took too long; `awayMs` is what they took in all without using a CPU. */
  readonly stalls: { readonly count: number; readonly maxMs: number; readonly awayMs: number };
  readonly scheduled: number;
  readonly unsent: number;
  readonly slowest: readonly SlowConnection[];
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly selector: string;
}

/** What a thread says. */
export type LoadMessage =
  | { readonly type: "connected"; readonly wakeFd: number }
  | { readonly type: "result"; readonly result: LoadResult };
