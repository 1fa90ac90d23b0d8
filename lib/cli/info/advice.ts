/** What to change for so many connections: commands for root, each of which works after those above it. */
import { formatCount, formatSize } from "../../text/units.ts";

/** Limits of the system and the process; null where they can't be read. */
export interface Limits {
  open_files: { soft: number; hard: number } | null;
  /** What one process may have open at most, whatever `ulimit` says (fs.nr_open). */
  nr_open: number | null;
  /** What all processes may have open together (fs.file-max). */
  file_max: number | null;
  somaxconn: number | null;
  port_range: { first: number; last: number } | null;
  tcp_max_syn_backlog: number | null;
  max_user_watches: number | null;
  /** Connections that a stateful firewall follows; null where there is none. */
  nf_conntrack_max: number | null;
  io_uring_disabled: number | null;
}

export interface Step {
  readonly command: string;
  readonly purpose: string;
}

/** File descriptors that a process needs beside its connections. */
const RESERVE = 100;
/** The widest range of local ports: those below are for servers. */
const WIDEST = { first: 1024, last: 65_535 };

const widthOf = ({ first, last }: { first: number; last: number }) => last - first + 1;

/** What a connection takes on one side, in bytes: measured by bench/many.ts on Linux 6.18, Bun, x64. */
const KERNEL_BYTES = 4000;
const OWN_BYTES = 900;
/** Less memory than this is everywhere. */
const WORTH_WORDS = 100e6;

/** How much memory so many connections take in this process and in the kernel; "" for little. */
export function memoryFor(connections: number): string {
  const [kernel, own] = [KERNEL_BYTES * connections, OWN_BYTES * connections];
  if (kernel + own < WORTH_WORDS) return "";
  return `They take about ${formatSize(kernel + own)} of memory on each side while they are idle: ${
    formatSize(kernel)
  } of the kernel, ${formatSize(own)} of the process.`;
}

/** What stands in the way of `connections` in one process, in the order in which to change it. */
export function stepsFor(limits: Limits, connections: number): Step[] {
  const steps: Step[] = [];
  const files = connections + RESERVE;
  const raise = (name: string, now: number | null, wanted: number, purpose: string) => {
    if (now === null || now >= wanted) return;
    steps.push({
      command: `sysctl -w ${name}=${wanted}`,
      purpose: `${purpose}: ${formatCount(now)}`,
    });
  };
  if (limits.open_files === null || limits.open_files.hard < files) {
    raise("fs.nr_open", limits.nr_open, files, "open files of a process, at most");
    raise("fs.file-max", limits.file_max, 2 * files, "open files of all processes together");
    steps.push({
      command: `ulimit -n ${files}`,
      purpose: "open files of this shell and what it starts" +
        (limits.open_files ? `: ${formatCount(limits.open_files.hard)}` : "") +
        `; of a service LimitNOFILE=${files}`,
    });
  }
  raise(
    "fs.epoll.max_user_watches",
    limits.max_user_watches,
    connections,
    "descriptors that epoll watches for one user",
  );
  // Over the loopback a connection is followed once, and those that have just ended still count.
  const tracked = Math.ceil(1.25 * connections);
  raise(
    "net.netfilter.nf_conntrack_max",
    limits.nf_conntrack_max,
    tracked,
    "connections that the firewall follows; more are dropped without a word",
  );
  steps.push(...portSteps(limits, connections));
  return steps;
}

/** One source address reaches one target as often as there are local ports. */
function portSteps({ port_range: range }: Limits, connections: number): Step[] {
  if (range === null || widthOf(range) >= connections) return [];
  const steps: Step[] = [];
  if (widthOf(range) < widthOf(WIDEST)) {
    steps.push({
      command: `sysctl -w net.ipv4.ip_local_port_range="${WIDEST.first} ${WIDEST.last}"`,
      purpose: `local ports of a client: ${range.first} to ${range.last}`,
    });
  }
  const sources = Math.ceil(connections / widthOf(WIDEST));
  if (sources === 1) return steps;
  const bits = Math.ceil(Math.log2(sources + 2)); // a network's first and last address are no hosts'
  steps.push({
    command: `iomux stress 127.0.0.1:9999 -c ${connections} --source 127.0.0.0/${32 - bits}`,
    purpose: `${sources} source addresses, as each reaches a target ${
      formatCount(widthOf(WIDEST))
    } times (to another machine: ${sources} addresses of its network)`,
  });
  return steps;
}
