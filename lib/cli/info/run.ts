/** Finds out what `iomux info` shows. It works even where the C library can't be opened. */
import { arch, release, type } from "node:os";
import type { EngineAvailability, EngineName } from "../../engine/mod.ts";
import type { SelectorName } from "../../selectors/mod.ts";
import { readNumbers } from "../../sys/machine/proc.ts";
import { runtimeName } from "../../sys/runtime.ts";
import { paragraph, rows, wrap } from "../../text/layout.ts";
import { formatCount } from "../../text/units.ts";
import { ENGINES, SELECTORS } from "../options/values.ts";
import { columnsOf, print } from "../output.ts";
import { VERSION } from "../version.ts";
import { type Limits, memoryFor, stepsFor } from "./advice.ts";
import type { InfoRead } from "./command.ts";

export interface Info {
  version: string;
  runtime: string;
  os: string;
  arch: string;
  selectors: { name: SelectorName; available: boolean; reason: string | null }[];
  engines: EngineAvailability[];
  limits: Limits;
}

export async function run({ options }: InfoRead): Promise<number> {
  const { engines, auto } = await collectEngines();
  const info = await collectInfo(engines);
  return await print(
    options.json
      ? JSON.stringify(info, null, 2) + "\n"
      : formatInfo(info, options.connections, columnsOf("stdout"), auto),
  );
}

/** The engines, and the one that is taken where none is named. */
async function collectEngines(): Promise<{ engines: EngineAvailability[]; auto?: EngineName }> {
  try {
    const { AUTO_ENGINE, availableEngines } = await import("../../engine/mod.ts");
    return { engines: availableEngines(), auto: AUTO_ENGINE };
  } catch (error) {
    const reason = (error as Error).message;
    const names = ENGINES.filter((name) => name !== "auto");
    return { engines: names.map((name) => ({ name, available: false, reason })) };
  }
}

async function collectInfo(engines: EngineAvailability[]): Promise<Info> {
  let selectors: Info["selectors"];
  let openFiles: Limits["open_files"] = null;
  try {
    const { availableSelectors } = await import("../../selectors/mod.ts");
    const { openFileLimit } = await import("../../sys/process/limits.ts");
    selectors = availableSelectors().map((s) => ({ ...s, reason: s.reason ?? null }));
    const { soft, hard } = openFileLimit();
    const finite = (value: number) => value === Infinity ? Number.MAX_SAFE_INTEGER : value;
    openFiles = { soft: finite(soft), hard: finite(hard) };
  } catch (error) {
    const reason = (error as Error).message;
    const names = SELECTORS.filter((name) => name !== "auto");
    selectors = names.map((name) => ({ name, available: false, reason }));
  }
  const [firstPort, lastPort] = readNumbers("/proc/sys/net/ipv4/ip_local_port_range");
  return {
    version: VERSION,
    runtime: runtimeName(),
    os: `${type()} ${release()}`,
    arch: arch(),
    selectors,
    engines,
    limits: {
      open_files: openFiles,
      nr_open: numberIn("fs/nr_open"),
      file_max: numberIn("fs/file-max"),
      somaxconn: numberIn("net/core/somaxconn"),
      port_range: firstPort !== undefined && lastPort !== undefined
        ? { first: firstPort, last: lastPort }
        : null,
      tcp_max_syn_backlog: numberIn("net/ipv4/tcp_max_syn_backlog"),
      max_user_watches: numberIn("fs/epoll/max_user_watches"),
      nf_conntrack_max: numberIn("net/netfilter/nf_conntrack_max"),
      io_uring_disabled: numberIn("kernel/io_uring_disabled"),
    },
  };
}

/** A number of sysctl(8); null where it can't be read. */
function numberIn(path: string): number | null {
  const [value] = readNumbers(`/proc/sys/${path}`);
  return value === undefined ? null : Math.min(value, Number.MAX_SAFE_INTEGER);
}

/** The same for people; with what stands in the way of `connections`. */
function formatInfo(
  info: Info,
  connections: number | undefined,
  width: number,
  auto: EngineName | undefined,
): string {
  const { limits } = info;
  const show = (value: number | null) => value === null ? "unknown" : formatCount(value);
  const files = limits.open_files;
  const ports = limits.port_range;
  const pairs: [string, string][] = [
    ["iomux", info.version],
    ["runtime", info.runtime],
    ["system", `${info.os}, ${info.arch}`],
    ...info.selectors.map(({ name, available, reason }): [string, string] => [
      name,
      available ? "works" : `no: ${reason}`,
    ]),
    ...info.engines.map(({ name, available, reason }): [string, string] => [
      name,
      !available ? `no: ${reason}` : name === auto ? "works; --engine auto takes it" : "works",
    ]),
    ["open files", files ? describeFiles(files) : "unknown"],
    ["backlog", `${show(limits.somaxconn)} (net.core.somaxconn)`],
    ["local ports", ports ? `${ports.first} to ${ports.last}` : "unknown"],
    ["conntrack", describeTracking(limits.nf_conntrack_max)],
    ["epoll watches", `${show(limits.max_user_watches)} (fs.epoll.max_user_watches)`],
    ["io_uring", describeUring(limits)],
  ];
  const text = rows(pairs, { width });
  return connections === undefined ? text : `${text}\n${advise(info, connections, width)}`;
}

function describeFiles({ soft, hard }: { soft: number; hard: number }): string {
  if (soft === Number.MAX_SAFE_INTEGER) return "no limit";
  return `${formatCount(soft)}, can be raised to ${formatCount(hard)}`;
}

const describeTracking = (most: number | null): string =>
  most === null
    ? "no firewall follows connections"
    : `${formatCount(most)} (net.netfilter.nf_conntrack_max)`;

function describeUring({ io_uring_disabled: disabled }: Limits): string {
  if (disabled === null) return "not limited";
  return ["allowed", "for privileged processes only", "forbidden"][disabled] +
    " (kernel.io_uring_disabled)";
}

function advise({ limits }: Info, connections: number, width: number): string {
  const head = `For ${formatCount(connections)} connections`;
  const steps = stepsFor(limits, connections);
  const need = memoryFor(connections);
  const memory = need && paragraph(need, width);
  if (steps.length === 0) return `${head}: nothing needs to change.\n${memory}`;
  return paragraph(`${head} in one process, as root and in this order:`, width) +
    steps.map(({ command, purpose }) => {
      const lines = wrap(purpose, Math.max(20, width - 6)).map((line) => `    # ${line}\n`);
      return `${lines.join("")}    ${command}\n`;
    }).join("") + memory;
}
