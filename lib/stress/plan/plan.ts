/** What a run is asked to do, and what its threads answer: plain data, which goes to other threads. */
import type { EngineName } from "../../engine/mod.ts";
import type { SelectorName } from "../../selectors/mod.ts";
import type { TlsConnectOptions } from "../../tls/mod.ts";
import type { Expectation } from "./expectation.ts";
import type { ScriptLine } from "./script.ts";
import type { Spent } from "../../result/elsewhere.ts";
import type { Mismatch, SlowConnection, SmoothedRoundTrip } from "../../result/result.ts";
import type { StageSettings } from "../../result/settings.ts";

/** Where the target is; addresses are numeric by now. */
export type Target =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** A run. Durations are in milliseconds. */
export interface Plan {
  readonly target: Target;
  readonly connections: number;
  /** Stop after this time, warm-up not included; null for no limit. */
  readonly durationMs: number | null;
  /** Stop after this many messages over all connections; null for no limit. */
  readonly messages: number | null;
  /** Bytes of one message of the seeded stream; with `maxSize` from `size` to that, at random. */
  readonly size: number;
  readonly maxSize: number | null;
  /** A message with escapes and placeholders, in place of the seeded stream; null for that. */
  readonly message: string | null;
  /** Several messages instead, in turn, or with `shuffle` at random by the seed; null for one. */
  readonly script: readonly ScriptLine[] | null;
  readonly shuffle: boolean;
  readonly expect: Expectation;
  /** A connection sends its next message this long after a reply, in a closed loop. */
  readonly thinkMs: number;
  /** Messages in flight on a connection; null for any number, as in an open loop. */
  readonly pipeline: number | null;
  /** Open loop: messages a second over all connections; null in a closed loop. */
  readonly rate: number | null;
  /** Messages of an open loop are due together, at multiples of this time; 0 for each at its own. */
  readonly tickMs: number;
  /** How the rate or the number of connections changes; empty for a run that is always the same. */
  readonly stages: readonly StageSettings[];
  /** Connects a second over all threads; null for as fast as they come. */
  readonly connectRate: number | null;
  /** Connections begin spread over this time, and a rate rises from 0 during it. */
  readonly rampMs: number;
  /** Each connection exchanges one message and then stays idle. */
  readonly hold: boolean;
  /** Connect anew after this many messages; null for never. */
  readonly messagesPerConnection: number | null;
  readonly reconnect: boolean;
  /** Not counted, before `durationMs` begins. */
  readonly warmupMs: number;
  /** Local addresses to spread over; empty for the system's choice. */
  readonly sources: readonly string[];
  readonly workers: number;
  readonly clientSelector: SelectorName | "auto";
  readonly clientEngine: EngineName | "auto";
  /** For a connect, and for a reply. */
  readonly timeoutMs: number;
  readonly seed: number;
  readonly tls?: TlsConnectOptions;
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
  /** See tally.ts and intervals.ts of the generator. */
  readonly recorders: SharedArrayBuffer;
  readonly intervals: SharedArrayBuffer;
}

/** Commands to the threads: `go` when all are connected, `finish` when all are idle, `stop` at an interrupt. */
export const LOAD_COMMAND = { connect: 0, go: 1, finish: 2, stop: 3 } as const;

/** How late the timers of a thread are, in milliseconds. */
export interface TimerError {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Messages that are due within this time leave together. */
  readonly togetherMs: number;
}

/** What a thread has done; what it counts while it runs is in shared memory. */
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
  /** For how long those messages have waited that had no answer yet when the run was ended early. */
  readonly inFlightMs: readonly number[];
  /** When counting started and when the run stopped, in milliseconds since the epoch. */
  readonly startedAt: number;
  readonly stoppedAt: number;
  /** From the stop to the last reply, in milliseconds. */
  readonly drainMs: number;
  /** What had been done at the stop; the rest came while what was in flight was waited for. */
  readonly atStop: Pick<LoadResult, "sent" | "received" | "bytesIn" | "bytesOut">;
  /** The sum of the latencies of replies that came after it, in units of a recorder. */
  readonly drainedLatency: number;
  /** Time of messages, from the start of counting to the stop, that is in no latency. */
  readonly elsewhereMs: Spent;
  readonly firstMismatch: Mismatch | null;
  readonly firstFailure: { readonly code: string; readonly message: string } | null;
  /**
   * Errors that the system has no number for: replies by theirs, such as HTTP's 404, others that are wrong by MISMATCH,
   * and lost connections by FIN.
   */
  readonly statuses: Readonly<Record<string, number>>;
  /** CPU time of the thread from the start of counting to the stop, in milliseconds. */
  readonly cpu: { readonly user: number; readonly system: number };
  /** Turns that took too long; `awayMs` is what they took in all without using a CPU. */
  readonly stalls: { readonly count: number; readonly maxMs: number; readonly awayMs: number };
  readonly scheduled: number;
  readonly unsent: number;
  /** Null without a schedule, and with one that has ticks. */
  readonly timer: TimerError | null;
  /** How long messages have waited to leave together with others, all in all. */
  readonly heldMs: number;
  readonly slowest: readonly SlowConnection[];
  readonly roundTrip: SmoothedRoundTrip | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly selector: string;
}

export type LoadMessage =
  | { readonly type: "connected"; readonly wakeFd: number }
  /** Counting starts, an interval is over, there is nothing left to do, or nothing new is sent any more. */
  | { readonly type: "counting" | "interval" | "idle" | "stopped" }
  | { readonly type: "result"; readonly result: LoadResult };

/** Of `total` things of all connections those of the connections from `from` to below `to`. */
export const shareOf = (total: number, connections: number, from: number, to: number): number =>
  Math.floor(total * to / connections) - Math.floor(total * from / connections);
