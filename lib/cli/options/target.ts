/** Whom a command talks to: HOST:PORT, or the path of a Unix socket. */
import { UsageError } from "../exit.ts";

/** A host and a port, of which the host is not resolved yet. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** "HOST:PORT", or "[HOST]:PORT" for IPv6, with a port from 1 on. @throws UsageError */
export function parseTarget(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):([^:]+)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw invalidTarget(text);
  return { host, port: targetPort(match![3]!, text) };
}

/** What is said of a target that is none, in the words of `parseHostPort`. */
export const invalidTarget = (text: string): UsageError =>
  new UsageError(`Invalid address "${text}": use HOST:PORT, or [HOST]:PORT for IPv6`);

/** A port to connect to; `target` is what was written, with the port. @throws UsageError */
export function targetPort(text: string, target: string): number {
  if (!/^\d+$/.test(text)) throw invalidTarget(target);
  const port = Number(text);
  if (port > 65535) throw new UsageError(`Invalid port ${text}: ports go from 0 to 65535`);
  if (port === 0) throw new UsageError(`Invalid address "${target}": it has no port 0`);
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
