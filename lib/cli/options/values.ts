/** The values that options take: each function reads one, or says what is wrong with it. */
import { pathProblem } from "../../sys/socket/unix_path.ts";
import { didYouMean } from "../../text/nearest.ts";
import { parseCount, parseDuration, parseSize } from "../../text/units.ts";

export const text = (value: string): string => value;

/** The name or the address of a host; that of IPv6 also as an address with a port has it, in brackets. */
export function host(value: string): string {
  if (value === "") throw new Error("it is empty, and has to be an address or a name");
  if (value === "*") throw new Error('"*" is no host: every address is 0.0.0.0, with IPv6 ::');
  if (value.startsWith(".")) throw new Error(`"${value}" is no host: it begins with a dot`);
  return value.replace(/^\[(.*:.*)\]$/, "$1");
}

export function file(value: string): string {
  if (value === "") throw new Error("it is empty, and has to be the name of a file");
  return value;
}

/** Names of protocols as ALPN has them: each of 1 to 255 bytes (RFC 7301, 3.1). */
export function protocols(text: string): string[] {
  const names = text.split(",");
  const fits = (name: string) => name !== "" && new TextEncoder().encode(name).length <= 255;
  if (names.every(fits)) return names;
  throw new Error(`"${text}" is no list of protocols such as h2,http/1.1`);
}

/** Keeps the text, once `check` has found nothing wrong with it. */
export function checked(check: (text: string) => unknown): (text: string) => string {
  return (text) => {
    check(text);
    return text;
  };
}

export function oneOf<const T extends string>(words: readonly T[]): (text: string) => T {
  return (text) => {
    if ((words as readonly string[]).includes(text)) return text as T;
    throw new Error(noSuch("", text, words));
  };
}

/** What is said of a word that is none of those that there are; `what` it should be is "" or ends with a space. */
export const noSuch = (what: string, text: string, words: readonly string[]): string =>
  `there is no ${what}"${text}"${didYouMean(text, words)}; there are ${words.join(", ")}`;

export function atLeastOne(text: string): number {
  const value = parseCount(text);
  if (value < 1) throw new Error(`"${text}" is less than 1`);
  return value;
}

export function someTime(text: string): number {
  const value = parseDuration(text);
  if (value <= 0) throw new Error(`"${text}" must be more than 0`);
  return value;
}

export function someBytes(text: string): number {
  const value = parseSize(text);
  if (value < 1) throw new Error(`"${text}" must be at least 1 byte`);
  return value;
}

/** "64B", or from one size to another: "64B..4KiB". */
export function sizes(text: string): { readonly from: number; readonly to: number } {
  const [from = "", to = from, ...more] = text.split("..");
  const range = { from: someBytes(from), to: someBytes(to) };
  if (more.length === 0 && range.from <= range.to) return range;
  throw new Error(`"${text}" is no range of sizes such as 64B..4KiB`);
}

export function portProblem(text: string, least: 0 | 1): string | undefined {
  const isNumber = /^\d+$/.test(text);
  if (isNumber && Number(text) >= least && Number(text) <= 65535) return undefined;
  return `Invalid port ${isNumber ? text : `"${text}"`}: ports go from ${least} to 65535`;
}

/** A port number; 0 where any free port will do. */
export function port(text: string): number {
  const problem = portProblem(text, 0);
  if (problem !== undefined) throw new Error(problem);
  return Number(text);
}

export function threads(text: string, or = ""): number {
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 256) return Number(text);
  throw new Error(`"${text}" is not between 1 and 256${or}`);
}

/** A number of threads; "auto" is one for each CPU. */
export const threadsOrAuto = (text: string): number =>
  text === "auto"
    ? process.getBuiltinModule("node:os").availableParallelism()
    : threads(text, `, or auto${didYouMean(text, ["auto"])}`);

export function seed(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) >= 2 ** 32) {
    throw new Error(`"${text}" is no seed: a whole number below 4294967296`);
  }
  return Number(text);
}

/** The path of a Unix socket, or "@NAME". */
export function socketPath(text: string): string {
  const problem = pathProblem(text);
  if (problem) throw new Error(`Invalid path of a Unix socket: ${problem}`);
  return text;
}

/** The selectors that there are, on one system or another. */
export const SELECTORS = ["auto", "select", "poll", "epoll", "kqueue", "wsapoll"] as const;
/** The engines that there are, on one system or another. */
export const ENGINES = ["auto", "readiness", "uring"] as const;
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LOG_LEVELS)[number];
