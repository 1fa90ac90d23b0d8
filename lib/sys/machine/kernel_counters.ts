/**
 * What the kernel counts of the whole system (of the network namespace): the trouble of TCP, from
 * /proc/net/netstat and /proc/net/snmp, and of the network cards' queues, from /proc/net/softnet_stat.
 */
import { readFileSync } from "node:fs";

/** Counters by the kernel's own names. They only rise. */
export type KernelCounters = Record<string, number>;

/** Those that tell why connects fail or wait, and why bytes come late. nstat(8) shows them as Tcp… and TcpExt…. */
const TCP = ["AttemptFails", "EstabResets", "RetransSegs", "InErrs"] as const;
const TCP_EXT = [
  "ListenOverflows", // an accept queue was full
  "ListenDrops", // the same, and newcomers dropped for other reasons
  "TCPReqQFullDrop", // the queue of half-open connections was full
  "TCPReqQFullDoCookies",
  "TCPSynRetrans",
  "TCPTimeouts",
  "TCPFastRetrans",
  "TCPLostRetransmit",
  "TCPAbortOnMemory",
  "TCPAbortOnTimeout",
  "TCPMemoryPressures",
  "TCPBacklogDrop",
  "TCPRcvQDrop",
  "TCPZeroWindowDrop",
  "TCPTimeWaitOverflow",
  "PruneCalled",
  "RcvPruned",
] as const;

/** The counters now; null where they can't be read: not Linux, or Deno without --allow-all. */
export function readKernelCounters(): KernelCounters | null {
  if (process.platform !== "linux") return null;
  try {
    const counters = {
      ...pick(tableOf(read("netstat"), "TcpExt"), TCP_EXT),
      ...pick(tableOf(read("snmp"), "Tcp"), TCP),
      ...softnet(),
    };
    return Object.keys(counters).length > 0 ? counters : null;
  } catch {
    return null;
  }
}

const read = (name: string) => readFileSync(`/proc/net/${name}`, "utf8");

/** How much each counter has risen from `before` to `after`; null when one of them is missing. */
export function kernelRise(
  before: KernelCounters | null,
  after: KernelCounters | null,
): KernelCounters | null {
  if (before === null || after === null) return null;
  const names = Object.keys(after).filter((name) => name in before);
  return Object.fromEntries(names.map((name) => [name, Math.max(0, after[name]! - before[name]!)]));
}

/** A table of netstat or snmp: a line of names and a line of values, both with its name in front. */
export function tableOf(text: string, table: string): Map<string, number> {
  const [names = [], values = []] = text.split("\n")
    .filter((line) => line.startsWith(`${table}: `))
    .map((line) => line.trim().split(/\s+/).slice(1));
  return new Map(names.map((name, i) => [name, Number(values[i] ?? 0)]));
}

const pick = (table: Map<string, number>, names: readonly string[]): KernelCounters =>
  Object.fromEntries(
    names.filter((name) => table.has(name)).map((name) => [name, table.get(name)!]),
  );

/** Packets that a CPU had no room for, and times that it did not come to an end of its queue. */
function softnet(): KernelCounters {
  let text: string;
  try {
    text = read("softnet_stat");
  } catch {
    return {};
  }
  return softnetOf(text);
}

/** The same from the text of softnet_stat: a line for each CPU, hexadecimal numbers. */
export function softnetOf(text: string): KernelCounters {
  const lines = text.trim().split("\n").map((line) => line.split(/\s+/));
  const sum = (column: number) =>
    lines.reduce((total, line) => total + (Number.parseInt(line[column] ?? "0", 16) || 0), 0);
  return { SoftnetDropped: sum(1), SoftnetSqueezed: sum(2) };
}
