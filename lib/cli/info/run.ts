/** Finds out what `iomux info` shows. It works even where the C library can't be opened. */
import { arch, release, type } from "node:os";
import type { SelectorName } from "../../selectors/mod.ts";
import { readNumbers } from "../../sys/machine/proc.ts";
import { formatCount } from "../../text/units.ts";
import { print } from "../output.ts";
import { VERSION } from "../version.ts";
import type { InfoRead } from "./command.ts";

/** Limits of the system and the process; null where they can't be read. */
export interface Limits {
  open_files: { soft: number; hard: number } | null;
  somaxconn: number | null;
  port_range: { first: number; last: number } | null;
  tcp_max_syn_backlog: number | null;
  max_user_watches: number | null;
  io_uring_disabled: number | null;
}

/** What `iomux info --json` prints. */
export interface Info {
  version: string;
  runtime: string;
  os: string;
  arch: string;
  /** `reason` is why it is not available. */
  selectors: { name: SelectorName; available: boolean; reason: string | null }[];
  limits: Limits;
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  return bun ? `bun ${bun}` : deno ? `deno ${deno}` : `node ${node}`;
}

/** Prints what was found out; returns the exit code. */
export async function run({ options }: InfoRead): Promise<number> {
  const info = await collectInfo();
  return print(
    options.json ? JSON.stringify(info, null, 2) + "\n" : formatInfo(info, options.connections),
  );
}

/** Asks the system. */
export async function collectInfo(): Promise<Info> {
  let selectors: Info["selectors"];
  let openFiles: Limits["open_files"] = null;
  try {
    const { availableSelectors } = await import("../../selectors/mod.ts");
    const { openFileLimit } = await import("../../sys/limits.ts");
    selectors = availableSelectors().map((s) => ({ ...s, reason: s.reason ?? null }));
    const { soft, hard } = openFileLimit();
    const finite = (value: number) => value === Infinity ? Number.MAX_SAFE_INTEGER : value;
    openFiles = { soft: finite(soft), hard: finite(hard) };
  } catch (error) {
    const reason = (error as Error).message;
    const names = ["select", "poll", "epoll", "kqueue", "wsapoll"] as const;
    selectors = names.map((name) => ({ name, available: false, reason }));
  }
  const [firstPort, lastPort] = readNumbers("/proc/sys/net/ipv4/ip_local_port_range");
  return {
    version: VERSION,
    runtime: runtimeName(),
    os: `${type()} ${release()}`,
    arch: arch(),
    selectors,
    limits: {
      open_files: openFiles,
      somaxconn: readNumbers("/proc/sys/net/core/somaxconn")[0] ?? null,
      port_range: firstPort !== undefined && lastPort !== undefined
        ? { first: firstPort, last: lastPort }
        : null,
      tcp_max_syn_backlog: readNumbers("/proc/sys/net/ipv4/tcp_max_syn_backlog")[0] ?? null,
      max_user_watches: readNumbers("/proc/sys/fs/epoll/max_user_watches")[0] ?? null,
      io_uring_disabled: readNumbers("/proc/sys/kernel/io_uring_disabled")[0] ?? null,
    },
  };
}

/** The same for people; with what stands in the way of `connections`. */
export function formatInfo(info: Info, connections: number | undefined): string {
  const { limits } = info;
  const show = (value: number | null) => value === null ? "unknown" : formatCount(value);
  const files = limits.open_files;
  const ports = limits.port_range;
  const rows: [string, string][] = [
    ["iomux", info.version],
    ["runtime", info.runtime],
    ["system", `${info.os}, ${info.arch}`],
    ...info.selectors.map(({ name, available, reason }): [string, string] => [
      name,
      available ? "works" : `no: ${reason}`,
    ]),
    ["open files", files ? describeFiles(files) : "unknown"],
    ["backlog", `${show(limits.somaxconn)} (net.core.somaxconn)`],
    ["local ports", ports ? `${ports.first} to ${ports.last}` : "unknown"],
    ["epoll watches", `${show(limits.max_user_watches)} (fs.epoll.max_user_watches)`],
    ["io_uring", describeUring(limits.io_uring_disabled)],
  ];
  const text = rows.map(([name, value]) => `${name.padEnd(15)}${value}\n`).join("");
  return connections === undefined ? text : text + "\n" + advise(info, connections);
}

function describeFiles({ soft, hard }: { soft: number; hard: number }): string {
  if (soft === Number.MAX_SAFE_INTEGER) return "no limit";
  return `${formatCount(soft)}, can be raised to ${formatCount(hard)}`;
}

function describeUring(disabled: number | null): string {
  if (disabled === null) return "not in this kernel";
  return ["allowed", "for privileged processes only", "forbidden"][disabled] +
    " (kernel.io_uring_disabled)";
}

/** File descriptors that a server needs beside its connections. */
const RESERVE = 100;

function advise({ limits }: Info, connections: number): string {
  const advice: string[] = [];
  const files = connections + RESERVE;
  if (limits.open_files && limits.open_files.hard < files) {
    advice.push(
      `open files: ulimit -n ${files} (and a higher hard limit: LimitNOFILE=${files} in systemd, ` +
        `or /etc/security/limits.conf)`,
    );
  }
  if (limits.max_user_watches !== null && limits.max_user_watches < connections) {
    advice.push(`epoll watches: sysctl fs.epoll.max_user_watches=${connections}`);
  }
  const ports = limits.port_range ? limits.port_range.last - limits.port_range.first + 1 : Infinity;
  if (ports < connections) {
    advice.push(
      `local ports: one source address reaches one target ${formatCount(ports)} times; use ` +
        `${Math.ceil(connections / ports)} source addresses, or sysctl ` +
        'net.ipv4.ip_local_port_range="1024 65535"',
    );
  }
  const head = `For ${formatCount(connections)} connections`;
  if (advice.length === 0) return `${head}: nothing needs to change.\n`;
  return `${head}:\n` + advice.map((line) => `  ${line}\n`).join("");
}
