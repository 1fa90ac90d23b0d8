/** Numbers and quantities within sentences. */
import { formatCount, formatDuration } from "./units.ts";

/** "1 thread", "2 threads", "1,234 threads". */
export const plural = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;

export const percent = (value: number): string => `${Math.round(value)} %`;

/** From milliseconds, without zeros at the end: "5 s", "1.5 ms", "400 us". */
export const briefDuration = (ms: number): string =>
  formatDuration(ms).replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ");

export const briefUs = (us: number): string => briefDuration(us / 1000);
