/** What a run was asked to do, as its result has it. */
import type { StressResult } from "./result.ts";

interface Span {
  readonly from: number;
  readonly to: number;
}

/** A part of a run, over which rate and connections change evenly. The last one lasts as long as the run does. */
export interface StageSettings {
  readonly durationMs: number;
  readonly rate?: Span;
  readonly connections?: Span;
}

/** The settings that are read again. Any may be missing: results come from files and from sums, too. */
export interface Settings {
  readonly connections?: number;
  readonly size?: number;
  /** Sizes go from `size` to this, at random. */
  readonly maxSize?: number | null;
  readonly message?: string | null;
  /** Several messages, in turn or at random. */
  readonly script?: readonly unknown[] | null;
  readonly shuffle?: boolean;
  /** As `--expect` has it. */
  readonly expect?: string;
  readonly pipeline?: number | null;
  readonly rate?: number | null;
  readonly stages?: readonly StageSettings[];
  readonly tickMs?: number;
  readonly thinkMs?: number;
  readonly connectRate?: number | null;
  readonly rampMs?: number;
  readonly warmupMs?: number;
  readonly timeoutMs?: number;
  readonly hold?: boolean;
  readonly messagesPerConnection?: number | null;
  readonly workers?: number;
  readonly tls?: unknown;
  /** Settings on which the parts of a sum differ, and which it therefore has not. */
  readonly different?: readonly string[];
}

export const settingsOf = (result: Pick<StressResult, "config">): Settings =>
  result.config as Settings;

/** Messages went out on a schedule, whatever the replies did. */
export const isOpenLoop = (
  result: Pick<StressResult, "latency_corrected_us" | "generator">,
): boolean => result.latency_corrected_us !== null || result.generator.scheduled !== null;

/** Replies were not awaited. */
export const expectsNothing = (result: Pick<StressResult, "config">): boolean =>
  settingsOf(result).expect === "none";
