/** Quantities as people write them: sizes, durations, counts; parsed strictly and shown briefly. */

const SIZES: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};
/** In microseconds, so that all factors are whole. */
const DURATIONS: Record<string, number> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3600e6,
  d: 86400e6,
};
const MULTIPLES: Record<string, number> = { k: 1e3, m: 1e6 };

/** A quantity that could not be understood; the message says what would be. */
export class UnitError extends Error {
  override readonly name = "UnitError";
}

/** `written` is what the person wrote, when `text` is only a part of it. */
function parse(
  text: string,
  units: Record<string, number>,
  bare: number | undefined,
  use: string,
  written: string = text,
): number {
  const match = /^(\d+)(?:\.(\d+))?\s*([a-z]*)$/i.exec(text.trim());
  const [, whole = "", fraction = "", unit = ""] = match ?? [];
  const names = Object.keys(units);
  const found = names.find((name) => name === unit) ??
    names.find((name) => name.toLowerCase() === unit.toLowerCase());
  const factor = unit === "" ? bare : found === undefined ? undefined : units[found];
  // Digits first and the decimal point last: 64.1 * 1000 is not 64100.
  const value = Number(whole + fraction) * (factor ?? NaN) / 10 ** fraction.length;
  if (!match || !Number.isFinite(value)) throw new UnitError(`"${written}" is not ${use}`);
  return value;
}

/** Bytes: "64", "64B", "1.5KB", "1MiB". */
export function parseSize(text: string): number {
  const size = parse(text, SIZES, 1, "a size, such as 64B, 10KB or 1MiB");
  if (!Number.isSafeInteger(size)) throw new UnitError(`"${text}" is not a whole number of bytes`);
  return size;
}

/** Milliseconds: "500us", "250ms", "10s", "2m", "1h", "1d". */
export const parseDuration = (text: string): number =>
  durationOf(text, "a duration, such as 500us, 250ms, 10s or 2m", text);

/** A bare number has been taken for seconds by some and for milliseconds by others. */
function durationOf(text: string, use: string, written: string): number {
  const bare = text.trim();
  if (/^\d+(\.\d+)?$/.test(bare)) {
    throw new UnitError(`"${written}" has no unit: write ${bare}us, ${bare}ms or ${bare}s`);
  }
  const [, number, spelled = ""] = /^([\d.]+)\s*(usec|msec|sec|min|hour|hr|day)/i.exec(bare) ?? [];
  const hint = number === undefined ? "" : `: write ${number}${SPELLED[spelled.toLowerCase()]}`;
  return parse(text, DURATIONS, undefined, use + hint, written) / 1e3;
}

/** Units as others write them. */
const SPELLED: Readonly<Record<string, string>> = {
  ...{ usec: "us", msec: "ms", sec: "s", min: "m", hour: "h", hr: "h", day: "d" },
};

/** A duration with what it varies by: "10ms", "10ms±5ms", or "10ms+-5ms" where ± can't be typed. */
export function parseVaryingDuration(text: string): { ms: number; jitterMs: number } {
  const [base = "", variation = "0s", ...more] = text.split(/±|\+-/);
  const part = (part: string) => durationOf(part, "a duration, such as 10ms or 10ms±5ms", text);
  const [ms, jitterMs] = [part(more.length === 0 ? base : ""), part(variation)];
  if (jitterMs > ms) throw new UnitError(`"${text}" is not a duration: it can be less than none`);
  return { ms, jitterMs };
}

/** Bytes a second: "64KB/s", or without the "/s". */
export function parseBandwidth(text: string): number {
  const use = "a rate, such as 500B/s, 10KB/s or 1MiB";
  const rate = parse(text.replace(/\/s$/, ""), SIZES, 1, use, text);
  if (rate < 1) throw new UnitError(`"${text}" is not a rate of at least one byte a second`);
  return rate;
}

/** "30", "30%" or "0.5%". */
export function parsePercent(text: string): number {
  const use = "a percentage, such as 30 or 0.5%";
  const percent = parse(text.replace(/%$/, ""), {}, 1, use, text);
  if (percent > 100) throw new UnitError(`"${text}" is not a percentage: 100 is all of them`);
  return percent;
}

/** A number, with "k" and "m" for thousands and millions: "1.5k". */
export const parseNumber = (text: string): number =>
  parse(text, MULTIPLES, 1, "a number, such as 100, 100k or 1.5m");

/** The same, whole: "10k". */
export function parseCount(text: string): number {
  const count = parse(text, MULTIPLES, 1, "a whole number, such as 50, 10k or 1m");
  if (!Number.isSafeInteger(count)) throw new UnitError(`"${text}" is not a whole number`);
  return count;
}

/** Per second: "100", "0.5", "10k", with or without "/s". */
export function parseRate(text: string): number {
  const use = "a rate, such as 100, 10k or 1m a second";
  const rate = parse(text.replace(/\/s$/, ""), MULTIPLES, 1, use, text);
  if (rate <= 0) throw new UnitError(`"${text}" is not a rate above 0`);
  return rate;
}

/** Three digits: "1.50", "15.0", "150". */
const shorten = (value: number): string =>
  value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);

/** In the greatest of these units of which there is one, as it is shown: never "1000 us". */
function inUnits(
  value: number,
  units: readonly (readonly [name: string, factor: number])[],
): string {
  let [name, factor] = units[0]!;
  for (const [next, more] of units.slice(1)) {
    // What would be rounded up to one of the next unit is one of it.
    if (Number(shorten(value / factor)) * factor < more) break;
    [name, factor] = [next, more];
  }
  return `${shorten(value / factor)} ${name}`;
}

/** "1.50 KiB" from bytes. */
export const formatSize = (bytes: number): string =>
  Math.round(bytes) < 2 ** 10
    ? `${Math.round(bytes)} B`
    : inUnits(bytes, [["KiB", 2 ** 10], ["MiB", 2 ** 20], ["GiB", 2 ** 30]]);

/** "1.50 ms" from milliseconds. Above a minute in seconds still, up to which people count. */
export const formatDuration = (ms: number): string =>
  inUnits(ms, [["us", 1e-3], ["ms", 1], ["s", 1e3]]);

export const formatUs = (us: number): string => formatDuration(us / 1000);

/** A rate: "1,234", and below ten what makes three digits: "1.5", "0.333". */
export const formatRate = (rate: number): string =>
  rate < 9.995 ? String(Number(rate.toPrecision(3))) : formatCount(rate);

/** "1,234,567". */
export const formatCount = (count: number): string =>
  Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, ",");
