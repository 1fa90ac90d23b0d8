/** What a terminal shows of a load while it runs. */
import { styleText } from "node:util";
import type { Watched } from "../../stress/run/watch.ts";
import { formatCount, formatDuration } from "../../text/units.ts";

/** How a load is going. */
export interface LiveState {
  /** Since counting began. */
  readonly seconds: number;
  readonly connections: number;
  /** Replies that were verified, or messages sent where none are awaited. */
  readonly done: number;
  /** Of these, a second, at the moment. */
  readonly rate: number;
  /** Failed connects, lost connections, timeouts, mismatches. */
  readonly errors: number;
  readonly mismatched: number;
  /** Latencies of the last second, in microseconds; null when there is none yet. */
  readonly latency: { readonly p50: number; readonly p99: number } | null;
}

const GAP = "   ";

type Style = Parameters<typeof styleText>[0];

/** A part of the line, which is left out when there is no room, the most important last. */
interface Part {
  readonly text: string;
  readonly style?: Style;
  readonly importance: number;
}

/** The line for a terminal of so many columns. What does not fit is left out, least important first. */
export function describe(state: LiveState, columns: number, colors = false): string {
  const { latency, errors, mismatched } = state;
  const us = (value: number) => formatDuration(value / 1000);
  const all: Part[] = [
    { text: `${state.seconds.toFixed(1)} s`, importance: 4 },
    { text: `${formatCount(state.rate)}/s`, style: "bold", importance: 6 },
    { text: `${formatCount(state.connections)} connections`, importance: 3 },
    {
      text: `${formatCount(errors)} ${errors === 1 ? "error" : "errors"}`,
      style: errors > 0 ? "red" : "green",
      importance: 5,
    },
    ...(mismatched > 0
      ? [{
        text: `${formatCount(mismatched)} MISMATCHED`,
        style: ["bold", "red"] as Style,
        importance: 7,
      }]
      : []),
    {
      text: latency ? `p50 ${us(latency.p50)}  p99 ${us(latency.p99)}` : "p50 –  p99 –",
      importance: 2,
    },
    { text: `${formatCount(state.done)} messages`, importance: 1 },
  ];
  let parts = all;
  const width = () => parts.reduce((sum, { text }) => sum + text.length + GAP.length, -GAP.length);
  while (parts.length > 1 && width() > columns) {
    const least = Math.min(...parts.map(({ importance }) => importance));
    parts = parts.filter(({ importance }) => importance > least);
  }
  const paint = ({ text, style }: Part) =>
    colors && style !== undefined ? styleText(style, text, { validateStream: false }) : text;
  return parts.map(paint).join(GAP);
}

/** The time over which the rate is taken, in milliseconds. */
const WINDOW_MS = 1000;

/** A rate from a count that is looked at now and then. */
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

/** Describes the run that `current` gives: how many are connected, and once it counts, how it is going. */
export function stressLine(
  current: () => Watched | undefined,
  colors: boolean,
): (columns: number) => string {
  let watched: ReturnType<typeof current>;
  let meter = new RateMeter();
  return (columns) => {
    const run = current();
    if (run === undefined) return "";
    if (run !== watched) [watched, meter] = [run, new RateMeter()];
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
    return describe(state, columns, colors);
  };
}
