/** Numbers in the sentences of a profile. */

/** "1 connection", "4 connections". */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** "12 B", "577 KiB", "9.8 MiB". */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1000 ? `${Number(kib.toPrecision(3))} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}

/** "400 ms", "5 s". */
export const time = (ms: number): string =>
  ms < 1000 ? `${Number(ms.toPrecision(2))} ms` : `${Number((ms / 1000).toFixed(1))} s`;
