/** What a run is asked to do, what its threads report, and what comes out: plain data only. */
import type { SelectorName } from "../selectors/mod.ts";
import type { TlsClientOptions } from "../tls/mod.ts";
import type { Mismatch } from "./verifier.ts";
import type { Distribution } from "./recorder.ts";

/** What must come back for what is sent. */
export type Expect = "echo" | "upper" | "none";

/** Where the target is; addresses are numeric by now. */
export type Target =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** A run. Durations are in milliseconds. */
export interface Plan {
  readonly target: Target;
  readonly connections: number;
  /** Stop after this time; null for no limit. */
  readonly durationMs: number | null;
  /** Stop after this many messages over all connections; null for no limit. */
  readonly messages: number | null;
  /** Bytes of one message. */
  readonly size: number;
  readonly expect: Expect;
  /** Messages in flight on a connection. */
  readonly pipeline: number;
  readonly workers: number;
  readonly clientSelector: SelectorName | "auto";
  /** For a connect, and for a reply. */
  readonly timeoutMs: number;
  readonly seed: number;
  /** Connections are TLS, to a server of this name or IP address. */
  readonly tls?: TlsClientOptions & { readonly serverName: string };
}

/** The part of a run that one thread drives. */
export interface LoadData {
  readonly plan: Plan;
  /** This thread's connections: numbers from `first`, `count` of them. */
  readonly first: number;
  readonly count: number;
  /** One Int32: the latest command. */
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
}

/** Commands to the threads. `go` when everybody is connected, `stop` at an interrupt. */
export const LOAD_COMMAND = { connect: 0, go: 1, stop: 2 } as const;

/** What a thread has done. Times are milliseconds since the epoch. */
export interface LoadResult {
  readonly established: number;
  readonly failed: number;
  readonly lost: number;
  readonly peak: number;
  readonly sent: number;
  readonly received: number;
  readonly verified: number;
  readonly mismatched: number;
  readonly timedOut: number;
  readonly unanswered: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly latency: string;
  readonly connect: string;
  readonly firstMismatch: Mismatch | null;
  /** Why TLS has failed on the first connection on which it has: code and message. */
  readonly tlsFailure: { readonly code: string; readonly message: string } | null;
  /** CPU time of the thread during the run, in milliseconds. */
  readonly cpuMs: number;
  readonly selector: string;
}

/** What a thread says. */
export type LoadMessage =
  | { readonly type: "connected"; readonly wakeFd: number }
  | { readonly type: "result"; readonly result: LoadResult };

/** The result of a run, as `--json` prints it. Latencies are in microseconds. */
export interface StressResult {
  iomux: string;
  target: string;
  selector: string;
  config: Record<string, unknown>;
  interrupted: boolean;
  duration_s: number;
  connections: {
    requested: number;
    established: number;
    failed: number;
    lost: number;
    reconnected: number;
    peak: number;
  };
  messages: {
    sent: number;
    received: number;
    verified: number;
    mismatched: number;
    timed_out: number;
    lost: number;
  };
  bytes: { sent: number; received: number };
  rate: { messages_per_s: number; bytes_per_s: number };
  latency_us: Distribution;
  /** From the scheduled send; null in a closed loop, which has no schedule. */
  latency_corrected_us: Distribution | null;
  connect_us: Distribution;
  errors: Record<string, number>;
  first_mismatch: Mismatch | null;
  generator: {
    /** CPU use of the busiest generator thread, in percent of one CPU. */
    cpu_percent: number;
    schedule_lag_us: { p50: number; p99: number; max: number };
    bottleneck: boolean;
    reason: string | null;
  };
  server: unknown;
  thresholds: { expression: string; value: number; ok: boolean }[];
  verdict: "pass" | "fail" | "invalid";
}
