/** Whom a command talks to: HOST:PORT, or the path of a Unix socket. */
import { UsageError } from "../exit.ts";
import { portOfService } from "./services.ts";
import { portProblem } from "./values.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** "HOST:PORT", or "[HOST]:PORT" for IPv6, to connect to. @throws UsageError */
export function parseTarget(text: string): Address {
  const { host, port } = splitAddress(text);
  return { host: targetHost(host), port: portNumber(port) };
}

/** A host, and what was written for its port: a number, or the name of a service. @throws UsageError */
export function splitAddress(text: string): { host: string; port: string } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):([^:]+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || SCHEME.test(text)) throw invalidAddress(text);
  return { host, port: port! };
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/** What is said of an address that is none, in the words of `parseHostPort`. */
export function invalidAddress(text: string): UsageError {
  const scheme = SCHEME.exec(text)?.[0];
  const how = scheme ? `HOST:PORT, without ${scheme}` : "HOST:PORT, or [HOST]:PORT for IPv6";
  return new UsageError(`Invalid address "${text}": use ${how}`);
}

/** @throws UsageError */
export function targetHost(host: string): string {
  if (host !== "*") return host;
  throw new UsageError('Invalid address "*": it is every address, which is for listening only');
}

/** A port by its number, from `least` on, or by the name of its service. @throws UsageError */
export function portNumber(text: string, least: 0 | 1 = 1): number {
  const problem = /^[\w.+-]*[a-z][\w.+-]*$/i.test(text)
    ? `Unknown service "${text}": write its port, from ${least} to 65535`
    : portProblem(text, least);
  const port = problem === undefined ? Number(text) : portOfService(text);
  if (port === undefined) throw new UsageError(problem);
  return port;
}

/** The target and `--unix`, of which one may be given; what is typed wins over a variable. @throws UsageError */
export function chooseTarget(
  target: string | undefined,
  { options, source }: { options: { unix: string | undefined }; source(key: "unix"): string },
): { target: string | undefined; unix: string | undefined } {
  const { unix } = options;
  if (target === undefined || unix === undefined) return { target, unix };
  if (source("unix") === "cli") throw new UsageError("HOST:PORT and '--unix' exclude each other");
  return { target, unix: undefined };
}
