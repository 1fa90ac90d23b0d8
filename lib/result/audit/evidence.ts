/** What is known of a run, for the judgement of what has limited it. Plain data: tests make it up. */
import type { Distribution } from "../recorder.ts";
import type { InFlight } from "../result.ts";
import type { Spent } from "../elsewhere.ts";

/** Use of the CPUs while messages counted. Everything in percent of one CPU. */
export interface CpuUse {
  /** All threads of this process: the generator's, those of an embedded server, and the rest. */
  readonly process: number;
  /** Everything on this machine; null where that can't be known. */
  readonly machine: number | null;
  /** What its host took away from this machine's CPUs; null where that can't be known. */
  readonly steal: number | null;
  readonly cpus: number;
}

/** A run that has ended. Distributions are in microseconds, CPU use in percent of one CPU. */
export interface Evidence {
  /** Messages have begun to count: it did not end while connecting, nor in its warm-up. */
  readonly counted: boolean;
  readonly seconds: number;
  /** How long it was to be; null without a duration. */
  readonly askedSeconds: number | null;
  readonly open: boolean;
  /** One message on each connection, and nothing more. */
  readonly hold: boolean;
  readonly paced: boolean;
  /** Messages in flight at most, over all connections; null in an open loop without a limit. */
  readonly inFlight: number | null;
  readonly messagesPerConnection: number | null;
  /** How long a connection waits after a reply, of its own accord. */
  readonly thinkMs: number;
  /** How many messages were in flight on average, of those asked for; null without a closed loop. */
  readonly closure: InFlight | null;
  /** Messages that could have been in flight on average, by what their time went to instead. */
  readonly elsewhere: Spent;
  readonly requested: number;

  /** Of the generator: its busiest thread, and all of them. */
  readonly busiest: number;
  readonly generator: number;
  readonly longestStallMs: number;
  /** From 0 to 1: for how much of the time the worst-off thread was not let run. */
  readonly away: number;
  /** How late messages left, and how late by the generator's own fault. */
  readonly lag: Distribution;
  readonly ownLag: Distribution;
  readonly scheduled: number;
  readonly unsent: number;

  readonly latency: Distribution;
  /** Null in a closed loop. */
  readonly corrected: Distribution | null;
  readonly connect: Distribution;
  readonly rate: number;
  readonly sent: number;
  readonly received: number;
  readonly mismatched: number;
  readonly timedOut: number;
  /** Messages that were lost with their connections. */
  readonly lost: number;
  readonly failed: number;
  readonly errors: Readonly<Record<string, number>>;

  readonly local: boolean;
  /** A server in this process: how many workers it has. */
  readonly embedded: { readonly workers: number } | null;
  readonly kernel: Readonly<Record<string, number>> | null;
  /** Null when messages never counted. */
  readonly cpu: CpuUse | null;
  readonly openFiles: number;
}

/** What an embedded server used, in percent of one CPU; 0 without one. */
export const serverCpu = ({ embedded, cpu, generator }: Evidence): number =>
  embedded && cpu ? Math.max(0, cpu.process - generator) : 0;
