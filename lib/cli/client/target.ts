/** The peer that the client talks to, or waits for: from what was typed to addresses and ports. */
import type { Target } from "../../client/connect.ts";
import type { Place } from "../../client/listen.ts";
import { familyOf } from "../../sys/socket/ip.ts";
import { UsageError } from "../exit.ts";
import {
  chooseTarget,
  invalidAddress,
  portNumber,
  splitAddress,
  targetHost,
} from "../options/target.ts";
import { socketPath } from "../options/values.ts";
import type { ClientRead } from "./command.ts";

/** Where to connect to. @throws UsageError */
export function destinationOf(read: ClientRead): Target | { path: string } {
  const { target, unix } = chooseTarget(read.operands[0], read);
  if (unix !== undefined) return { path: unix };
  if (target === undefined) {
    throw new UsageError(`missing target: HOST:PORT${read.options.udp ? "" : " or --unix PATH"}`);
  }
  const [, second] = read.operands;
  if (isPath(target)) {
    const other = (["udp", "source", "ipv4", "ipv6"] as const)
      .find((key) => read.source(key) === "cli");
    if (second === undefined && !other) {
      return { path: partOf("the target", () => socketPath(target)) };
    }
    const what = other ? `use for '--${other}'` : "port";
    throw new UsageError(`"${target}" is the path of a Unix socket, which has no ${what}`);
  }
  const { host, port } = hostAndPort(target, second);
  return {
    host: targetHost(host),
    port: portNumber(port),
    ...localEnd(read, host),
  };
}

/** The host and the ports that `--scan` is to try. @throws UsageError */
export function scanOf(read: ClientRead): Omit<Target, "port"> & { ports: number[] } {
  const [target, list] = read.operands;
  if (target === undefined) {
    throw new UsageError("missing target: HOST PORT-PORT, or HOST:PORT-PORT");
  }
  const { host, port } = hostAndPort(target, list);
  return {
    host: targetHost(host),
    ports: portList(port),
    ...localEnd(read, host),
  };
}

/**
 * Where to listen: `-l PORT`, `-l :PORT`, `-l *:PORT`, `-l HOST:PORT`, `-l HOST PORT`, `-l PATH` or
 * `-l -U PATH`, whatever switches stand between. @throws UsageError
 */
export function listenOf(read: ClientRead, value: string): Place {
  const { unix } = read.options;
  const [first, port, ...more] = value === "" ? read.operands : [value, ...read.operands];
  const where = first?.replace(/^\*?:(?=[^:]+$)/, "");
  const other = new UsageError(
    "option '--listen' accepts connections, and has no target besides",
  );
  if (unix !== undefined && (where === undefined || read.source("unix") === "cli")) {
    if (where !== undefined) throw other;
    return { path: unix };
  }
  if (where === undefined) throw new UsageError("option '--listen' needs a port: -l [HOST:]PORT");
  const alone = port === undefined && !/^\[|:/.test(where);
  if (more.length > 0 || port !== undefined && (isPath(where) || /^\d+$/.test(where))) throw other;
  if (isPath(where)) return { path: partOf(LISTEN, () => socketPath(where)) };
  const wildcard = read.options.ipv6 ? "::" : "0.0.0.0";
  const place = partOf(LISTEN, () => {
    if (alone) return { host: wildcard, port: listenPort(where) };
    const { host, port: number } = hostAndPort(where, port);
    return { host: host === "*" ? wildcard : host, port: portNumber(number, 0) };
  });
  const family = askedFamily(read);
  checkFamily(place.host, family, `option '--ipv${family}' is for addresses of IPv${family}`);
  return { ...place, family };
}

/** No host and no port looks like this: a Unix socket, as with `--unix`. */
const isPath = (where: string): boolean =>
  !where.includes("://") && where.includes("/") || where.startsWith("@");

const LISTEN = "option '--listen'";

/** What is wrong with a value is said together with whose it is. @throws UsageError */
function partOf<R>(what: string, parse: () => R): R {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${what}: ${(error as Error).message}`);
  }
}

/** @throws UsageError */
function listenPort(where: string): number {
  if (familyOf(where) !== undefined) throw invalidAddress(where);
  try {
    return portNumber(where, 0);
  } catch (error) {
    if (!where.includes(".")) throw error;
    throw new UsageError(`"${where}" is no port; a Unix socket is -l -U ${where}`);
  }
}

/** "ADDR", "ADDR:PORT", "[ADDR]:PORT", or an IPv6 address as it is. @throws UsageError */
export function sourceOf(text: string | undefined): { host: string; port?: number } | undefined {
  if (text === undefined) return undefined;
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::([^:]+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? text;
  if (familyOf(host) === undefined) {
    throw new UsageError(`option '--source': "${text}" is no IP address, nor one with a port`);
  }
  return { host, port: port === undefined ? 0 : portNumber(port, 0) };
}

/** An address that has another family than an option asks for. @throws UsageError */
function checkFamily(host: string, family: 4 | 6 | undefined, what: string): void {
  const own = familyOf(host);
  if (own === undefined || family === undefined || own === family) return;
  throw new UsageError(`${what}, and ${host} is IPv${own}`);
}

/**
 * The local address, and the family that it leaves, or that was asked for, of which a target has to be.
 *
 * @throws UsageError
 */
function localEnd(read: ClientRead, target: string): Pick<Target, "source" | "family"> {
  const end = localAddress(read);
  const what = end.source
    ? `option '--source': ${end.source.host} is IPv${end.family}`
    : `option '--ipv${end.family}' is for addresses of IPv${end.family}`;
  checkFamily(target, end.family, what);
  return end;
}

/** @throws UsageError */
function localAddress(read: ClientRead): Pick<Target, "source" | "family"> {
  const source = sourceOf(read.options.source);
  const asked = askedFamily(read);
  if (source === undefined) return { family: asked };
  const family = familyOf(source.host)!;
  if (asked !== undefined && asked !== family) {
    // A variable gives way to what was typed.
    const [ofSource, ofFamily] = [read.source("source"), read.source(`ipv${asked}`)];
    if (ofSource === "env" && ofFamily === "cli") return { family: asked };
    if (ofSource === "cli" && ofFamily === "env") return { source, family };
    throw new UsageError(
      `options '--source' and '--ipv${asked}' exclude each other: ${source.host} is IPv${family}`,
    );
  }
  return { source, family };
}

const askedFamily = ({ options }: ClientRead): 4 | 6 | undefined =>
  options.ipv4 ? 4 : options.ipv6 ? 6 : undefined;

/** Host and port in one word, or in two. @throws UsageError */
function hostAndPort(target: string, port: string | undefined): { host: string; port: string } {
  if (port === undefined) return splitAddress(target);
  if (target === "") {
    throw new UsageError("the host is empty, and has to be an address or a name");
  }
  if (/^(\[[^\]]+\]|[^:[\]\s]+):[^:]+$/.test(target)) {
    throw new UsageError("the port is given twice");
  }
  return { host: target.replace(/^\[(.+)\]$/, "$1"), port };
}

/** "80", "http", "1-1024", "22,80,8000-8100". @throws UsageError */
function portList(text: string): number[] {
  const ports = text.split(",").flatMap((part) => {
    const range = /^(\d+)-(\d+)$/.exec(part);
    if (!range && /^[\d-]*-[\d-]*$/.test(part)) {
      throw new UsageError(`"${part}" is no range of ports, such as 1-1024`);
    }
    if (!range) return [portNumber(part)];
    const [from, to] = [portNumber(range[1]!), portNumber(range[2]!)];
    if (from > to) throw new UsageError(`"${part}" is no range of ports: it ends before it begins`);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return [...new Set(ports)];
}
