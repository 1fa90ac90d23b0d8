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
  /** Earlier rates, the latest last. */
  readonly rates: readonly number[];
}

const BARS = "▁▂▃▄▅▆▇█";
/** Bars of the sparkline at most, and at least: fewer say nothing. */
const MAX_BARS = 24;
const MIN_BARS = 4;
const GAP = "   ";

type Style = Parameters<typeof styleText>[0];

/** A part of the line, which is left out when there is no room, the most important last. */
interface Part {
  readonly text: string;
  readonly style?: Style;
  readonly importance: number;
}

/**
 * The line for a terminal of so many columns. What does not fit is left out, least important first; the
 * sparkline takes what is left.
 */
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
  const room = Math.min(MAX_BARS, columns - width() - GAP.length);
  const paint = ({ text, style }: Omit<Part, "importance">) =>
    colors && style !== undefined ? styleText(style, text, { validateStream: false }) : text;
  const words = parts.map(paint);
  if (room >= MIN_BARS && state.rates.length > 0) {
    const text = sparkline(state.rates.slice(-room)).padStart(Math.min(room, MAX_BARS));
    words.splice(1, 0, paint({ text, style: "cyan" }));
  }
  return words.join(GAP);
}

/** One bar for each value, from 0 to the highest of them. */
export function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values);
  const bar = (value: number) =>
    highest <= 0 ? 0 : Math.round(Math.max(0, value) / highest * (BARS.length - 1));
  return values.map((value) => BARS[bar(value)]!).join("");
}

/** What a bar of the sparkline stands for, and over what time the rate is taken, in milliseconds. */
const BAR_MS = 500;
const WINDOW_MS = 1000;

/** Rates from a count that is looked at now and then. */
export class RateHistory {
  readonly #looks: { at: number; count: number }[] = [];
  readonly #rates: number[] = [];
  #barSince: { at: number; count: number } | undefined;

  /** The count at `now`, in milliseconds of any clock that does not go back. */
  look(now: number, count: number): void {
    const look = { at: now, count };
    this.#looks.push(look);
    // One look from before the window stays, to measure from.
    while (this.#looks.length > 2 && this.#looks[1]!.at <= now - WINDOW_MS) this.#looks.shift();
    this.#barSince ??= look;
    if (now - this.#barSince.at < BAR_MS) return;
    this.#rates.push(between(this.#barSince, look));
    if (this.#rates.length > MAX_BARS) this.#rates.shift();
    this.#barSince = look;
  }

  /** Counts a second over the last second; 0 before there are two looks. */
  get rate(): number {
    const [first] = this.#looks;
    const last = this.#looks.at(-1);
    return first && last && last.at > first.at ? between(first, last) : 0;
  }

  /** The rates of the last half seconds, the latest last. */
  get rates(): readonly number[] {
    return this.#rates;
  }
}

const between = (from: { at: number; count: number }, to: { at: number; count: number }) =>
  Math.max(0, (to.count - from.count) / (to.at - from.at) * 1000);

/** Draws whatever run `current` gives: how many are connected, and from the begin of counting the line. */
export function stressLine(
  current: () => Watched | undefined,
  colors: boolean,
): (columns: number) => string {
  let watched: ReturnType<typeof current>;
  let history = new RateHistory();
  return (columns) => {
    const run = current();
    if (run === undefined) return "";
    if (run !== watched) [watched, history] = [run, new RateHistory()];
    const { connections, sent, received, errors, mismatched } = run.progress();
    if (run.elapsedMs === 0) {
      const wanted = run.plan.connections;
      const doing = connections < wanted || run.plan.warmupMs === 0 ? "connecting" : "warming up";
      return `${doing}   ${formatCount(connections)} of ${formatCount(wanted)} connections`;
    }
    const done = run.plan.expect.kind === "none" ? sent : received;
    history.look(run.elapsedMs, done);
    const second = run.timeline.at(-1);
    const state = {
      seconds: run.elapsedMs / 1000,
      ...{ connections, done, errors, mismatched },
      ...{ rate: history.rate, rates: history.rates },
      latency: second && second.p50 > 0 ? second : null,
    };
    return describe(state, columns, colors);
  };
}
