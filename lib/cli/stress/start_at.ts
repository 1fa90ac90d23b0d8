/** `--start-at`: a moment that several machines can be given, and waiting for it. */
import { UsageError } from "../exit.ts";
import { say } from "../output.ts";
import { formatDuration, parseDuration } from "../../text/units.ts";

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
/** A clock that is asked for a moment of today may be past midnight by the time it comes. */
const NEXT_DAY_FROM_MS = DAY_MS / 2;

const USE = "a time: ISO 8601 such as 2026-01-31T12:00:00Z, HH:MM:SS, +10s, or seconds since 1970";

/**
 * A moment in milliseconds since the epoch: "2026-01-31T12:00:00Z" (without a zone it is local time),
 * "23:59:30" (local time of today, or of tomorrow when that was more than half a day ago), "+10s" (from
 * `now` on), "1767225600" (seconds since the epoch, as `date +%s` prints them).
 *
 * @throws RangeError when it is none, or is not after `now`
 */
export function parseStartAt(text: string, now: number): number {
  const at = momentOf(text.trim(), now);
  if (Number.isNaN(at)) throw new RangeError(`"${text}" is not ${USE}`);
  if (at > now) return at;
  const ago = Math.round((now - at) / 100) / 10;
  throw new RangeError(`"${text}" is in the past: it was ${ago} s ago`);
}

function momentOf(text: string, now: number): number {
  if (text.startsWith("+")) {
    try {
      return now + parseDuration(text.slice(1));
    } catch {
      return NaN;
    }
  }
  if (/^\d{9,11}(\.\d+)?$/.test(text)) return Math.round(Number(text) * SECOND_MS);
  const clock = /^(\d{1,2}):(\d\d)(?::(\d\d)(\.\d+)?)?$/.exec(text);
  if (clock) return today(clock.slice(1).map((part) => Number(part ?? 0)), now);
  // Only what is surely a date: Date.parse() makes something of nearly every text.
  const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/;
  return iso.test(text) ? Date.parse(text) : NaN;
}

function today([hours = 0, minutes = 0, seconds = 0, fraction = 0]: number[], now: number): number {
  if (hours > 23 || minutes > 59 || seconds > 59) return NaN;
  const date = new Date(now);
  date.setHours(hours, minutes, seconds, Math.round(fraction * SECOND_MS));
  if (now - date.getTime() > NEXT_DAY_FROM_MS) date.setDate(date.getDate() + 1);
  return date.getTime();
}

/**
 * Resolves at a moment, not earlier, or when the signal says so. The clock may be set meanwhile, so it
 * is looked at again.
 */
export function waitUntil(at: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const look = () => {
      const left = at - Date.now();
      if (left <= 0 || signal.aborted) return end();
      timer = setTimeout(look, Math.min(left, SECOND_MS));
    };
    signal.addEventListener("abort", end);
    look();
  });
}

/** The moment that the option asks for; null for none. @throws UsageError */
export function readStartAt(text: string | undefined): number | null {
  if (text === undefined) return null;
  try {
    return parseStartAt(text, Date.now());
  } catch (error) {
    throw new UsageError(`option '--start-at': ${(error as Error).message}`);
  }
}

/** What a run does once it is connected: it waits for the moment, or says how late it is. */
export function beginAt(
  at: number,
  interruption: AbortSignal,
): { connected: () => Promise<void> } {
  return {
    async connected() {
      const late = Date.now() - at;
      if (late > 0) say(`begins ${formatDuration(late)} late: it was still connecting`);
      await waitUntil(at, interruption);
    },
  };
}
