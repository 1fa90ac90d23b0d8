/** What comes out of a run: the JSON of `iomux stress --json`, one type for all reports. */
import type { BaselineReport, ConfidenceReport, Judged } from "./judgement.ts";
import type { Distribution } from "./recorder.ts";

/** What happened to the bytes at a mismatch. */
export type MismatchKind =
  | "lost"
  | "duplicated"
  | "reordered"
  | "corrupted"
  | "foreign"
  | "truncated";

/** The first wrong byte of a connection. `expected` and `actual` are up to 16 bytes in hexadecimal. */
export interface Mismatch {
  readonly connection: number;
  /** Position in what the connection received. */
  readonly offset: number;
  readonly kind: MismatchKind;
  readonly expected: string;
  readonly actual: string;
}

/** What happened in one interval of a run, mostly a second. Counts are of this interval only. */
export interface TimelineRow {
  /** The interval's end, in seconds since counting started. */
  readonly t: number;
  readonly seconds: number;
  readonly sent: number;
  readonly received: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  /** Failed connects, lost connections, timeouts and mismatches. */
  readonly errors: number;
  /** Open connections at the interval's end. */
  readonly active: number;
  /** Latencies of the replies of this interval, in microseconds; 0 where there were none. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** From the scheduled send; null in a closed loop. */
  readonly p99_corrected: number | null;
  /** Of `received`, those that came after the run had stopped: no part of a rate. */
  readonly drained: number;
  /** As `p99_corrected`. Results of earlier versions have none. */
  readonly p50_corrected?: number | null;
}

/** How a connection fared, by TCP_INFO (tcp(7)), taken while it waited longest. */
export interface SlowConnection {
  readonly connection: number;
  /** Its slowest reply, or how long it waited in vain, in microseconds. */
  readonly latency_us: number;
  readonly rtt_us: number;
  readonly rtt_variation_us: number;
  /** Segments sent again over the life of the connection. */
  readonly retransmits: number;
  readonly lost_segments: number;
  readonly congestion_window: number;
  readonly unacknowledged: number;
}

/** The kernel's own estimate of the round trip, as the run ended: means over some of its connections, in microseconds. */
export interface SmoothedRoundTrip {
  rtt: number;
  variation: number;
  /** How many were asked. */
  connections: number;
}

/** Encoded histograms, which merge without loss. */
export interface Histograms {
  /** What one unit of a recorded value is, in nanoseconds. */
  readonly unit_ns: number;
  /** HdrHistogram's V2 encoding, compressed, in base64. */
  readonly latency: string;
  readonly latency_corrected: string | null;
  readonly connect: string;
  /** How late messages left. */
  readonly schedule_lag?: string;
  /** How long those have waited that were in flight when the run was ended early. */
  readonly in_flight?: string;
  /** The sums of all values, in units, which buckets don't have: so means merge without loss, too. */
  readonly sums: { latency: number; latency_corrected: number; connect: number };
  /** The highest values, in units: the `max` of a distribution may be a reply that never came. */
  readonly maxima: { latency: number; latency_corrected: number; connect: number };
  /** Values above the range. They count in the highest bucket, and `max` is the true maximum. */
  readonly overflow: number;
}

export interface Machine {
  readonly os: string;
  readonly arch: string;
  readonly kernel: string;
  readonly cpus: number;
  readonly cpu_model: string;
  readonly memory_bytes: number;
  readonly runtime: string;
}

export interface GeneratorReport {
  /** CPU use of the busiest generator thread, in percent of one CPU. */
  cpu_percent: number;
  /** How late messages left, against the schedule; zeros in a closed loop, which has none. */
  schedule_lag_us: { p50: number; p99: number; max: number };
  /**
   * How late this generator's timers are, as measured at its start: messages that are due within `together` leave
   * together, which has made each `added` later on average. Null without a schedule, and with `--tick`.
   */
  timer_us: { p50: number; p99: number; together: number; added: number } | null;
  /** The target was not what limited the run. */
  bottleneck: boolean;
  /** Why, if it was the generator. */
  reason: string | null;
  /** A sentence on what limited the run, the generator or something else. */
  limited_by: string;
  /** Turns of a generator's loop that took longer than 10 ms, and the longest. */
  loop_stalls: { count: number; max_us: number };
  /** CPU time of all generator threads, in seconds. */
  cpu_s: { user: number; system: number };
  /** Messages that the schedule had for the time of the run; null in a closed loop. */
  scheduled: number | null;
  /** Of those, the ones that were never sent. */
  unsent: number;
}

/**
 * Whether a closed loop closes: by Little's law the messages in flight on average are the rate times the mean
 * latency. What is missing to those asked for was spent outside of any latency.
 */
export interface InFlight {
  /** Connections times `--pipeline`; where connections come and go by a ramp or stages, on average. */
  asked: number;
  average: number;
  /** `average / asked`, from 0 to 1. */
  accounted: number;
}

/** The result of a run, as `--json` prints it. Latencies are in microseconds. */
export interface StressResult {
  iomux: string;
  target: string;
  selector: string;
  config: Record<string, unknown>;
  interrupted: boolean;
  /** A condition of `--abort-on` has ended it. */
  aborted?: boolean;
  /** Results of other machines or processes are missing in this sum. */
  partial: boolean;
  /** When counting started, in ISO 8601. */
  started_at: string;
  /** From the first counted message to the stop. */
  duration_s: number;
  /** From the stop to the last reply: no part of `duration_s`, nor of the rate. */
  drain_s: number;
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
    /** Not answered yet when the run was ended early. */
    in_flight: number;
  };
  bytes: { sent: number; received: number };
  rate: { messages_per_s: number; bytes_per_s: number };
  latency_us: Distribution;
  /** From the scheduled send; null in a closed loop, which has no schedule. */
  latency_corrected_us: Distribution | null;
  connect_us: Distribution;
  /** Null where the system has no TCP_INFO, and where no connection was left to ask. */
  kernel_rtt_us: SmoothedRoundTrip | null;
  /** Null without a closed loop that awaits replies: nothing is asked to be in flight then. */
  in_flight: InFlight | null;
  errors: Record<string, number>;
  first_mismatch: Mismatch | null;
  generator: GeneratorReport;
  /** The system's counters: how much they rose during the run; null where there are none. */
  kernel: Record<string, number> | null;
  /** The connections with the slowest replies, worst first; empty where the system has no TCP_INFO. */
  slowest: SlowConnection[];
  server: unknown;
  thresholds: Judged[];
  /** Against an earlier result, with `--baseline`. */
  baseline?: BaselineReport;
  /** How it was made: the command line. */
  command?: string;
  /** Of several rounds, with `--confidence`. */
  confidence?: ConfidenceReport;
  verdict: "pass" | "fail" | "invalid";
  timeline: TimelineRow[];
  histograms: Histograms;
  machine: Machine;
}

export interface NamedResult {
  readonly name: string;
  readonly result: StressResult;
}

/** One result of each of several that are compared, in the order of their names; fewer after an interrupt. */
export type Round = readonly (StressResult | undefined)[];
