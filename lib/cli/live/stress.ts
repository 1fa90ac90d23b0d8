/** What a terminal shows of a load while it runs. */
import { styleText } from "node:util";
import type { Watched } from "../../stress/run/watch.ts";
import { formatCount, formatUs } from "../../text/units.ts";
import { plural } from "../../text/words.ts";

export interface LiveState {
  /** Since counting began. */
  readonly seconds: number;
  readonly connections: number;
  /** Replies that were verified, or messages sent where none are awaited. */
  readonly done: number;
  /** Of these, a second, at the moment. */
  readonly rate: number;
  readonly errors: number;
  readonly mismatched: number;
  /** Latencies of the last second, in microseconds; null when there is none yet. */
  readonly latency: { readonly p50: number; readonly p99: number } | null;
}

const GAP = "   ";

/** The line, what matters most in front: a narrow terminal cuts the rest off. */
export function describe(state: LiveState, colors = false): string {
  const { latency, errors, mismatched } = state;
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colors ? styleText(style, text, { validateStream: false }) : text;
  return [
    `${state.seconds.toFixed(1)} s`,
    paint("bold", `${formatCount(state.rate)}/s`),
    paint(errors > 0 ? "red" : "green", plural(errors, "error")),
    ...(mismatched > 0 ? [paint(["bold", "red"], `${formatCount(mismatched)} MISMATCHED`)] : []),
    `${formatCount(state.connections)} connections`,
    latency ? `p50 ${formatUs(latency.p50)}  p99 ${formatUs(latency.p99)}` : "p50 –  p99 –",
    `${formatCount(state.done)} messages`,
  ].join(GAP);
}

/** The time over which the rate is taken, in milliseconds. */
const WINDOW_MS = 1000;

export class RateMeter {
  readonly #looks: { readonly at: number; readonly count: number }[] = [];

  /** The count at `now`, in milliseconds of any clock that does not go back; returns counts a second. */
  look(now: number, count: number): number {
    const looks = this.#looks;
    looks.push({ at: now, count });
    // One look from before the window stays, to measure from.
    while (looks.length > 2 && looks[1]!.at <= now - WINDOW_MS) looks.shift();
    const [first] = looks as [{ at: number; count: number }];
    return now > first.at ? Math.max(0, (count - first.count) / (now - first.at) * 1000) : 0;
  }
}

/** Describes the run that `current` gives, if it has begun: who is connected, and once it counts, how it goes. */
export function stressLine(
  current: () => Watched | undefined,
  colors: boolean,
): () => string {
  let watched: ReturnType<typeof current>;
  let meter = new RateMeter();
  return () => {
    const run = current();
    if (run === undefined) return "starting";
    if (run !== watched) {
      [watched, meter] = [run, new RateMeter()];
      meter.look(0, 0); // nothing had come when counting began
    }
    const { connections, sent, received, errors, mismatched } = run.progress();
    if (run.elapsedMs === 0) {
      const wanted = run.plan.connections;
      const doing = connections < wanted || run.plan.warmupMs === 0 ? "connecting" : "warming up";
      return `${doing}   ${formatCount(connections)} of ${formatCount(wanted)} connections`;
    }
    const done = run.plan.expect.kind === "none" ? sent : received;
    const second = run.timeline.at(-1);
    const state = {
      seconds: run.elapsedMs / 1000,
      ...{ connections, done, errors, mismatched },
      rate: meter.look(run.elapsedMs, done),
      latency: second && second.p50 > 0 ? second : null,
    };
    return describe(state, colors);
  };
}
