/** `iomux client --scan`: which ports of a host are open. */
import type { Output } from "../../client/output.ts";
import { Printer } from "../../client/printer.ts";
import { type PortState, Scan } from "../../client/scan.ts";
import { serviceOfPort } from "../options/services.ts";
import { resolveUntil } from "../../net/dial.ts";
import { formatAddress, type OSError } from "../../net/mod.ts";
import { openFileLimit } from "../../sys/process/limits.ts";
import { formatCount } from "../../text/units.ts";
import { EXIT } from "../exit.ts";
import type { ClientRead } from "./command.ts";
import type { Turns } from "./conversation.ts";
import { scanOf } from "./target.ts";

/** How long a port has to answer where `--connect-timeout` says nothing. */
const TIMEOUT_MS = 2000;
/** Probes at the same time, at most: more would overflow the queues of small routers. */
const IN_FLIGHT = 512;
/** Descriptors that other things need. */
const RESERVE = 32;

/**
 * Prints the open ports, and with `--verbose` all others to stderr.
 *
 * @throws ReaderGone; OSError; ResolveError; the signal's reason
 */
export async function runScan(
  read: ClientRead,
  output: Output,
  { loop, stop, lines: { say } }: Turns,
): Promise<number> {
  const { host, ports, family, source } = scanOf(read);
  const [address] = await resolveUntil(stop, host, family);
  using printer = new Printer(output, loop);
  const counts: Record<PortState, number> = { open: 0, refused: 0, filtered: 0 };
  const found = (port: number, state: PortState) => {
    counts[state]++;
    const name = serviceOfPort(port);
    const service = name === undefined ? "" : ` (${name})`;
    const family = address!.includes(":") ? "ipv6" : "ipv4";
    const line = `${formatAddress({ family, host: address!, port })} ${state}${service}`;
    if (state === "open") printer.print(new TextEncoder().encode(`${line}\n`));
    else if (read.options.verbose) say(line);
  };
  const options = {
    ...{ host: address!, ports, source, found },
    skipped: ({ message }: OSError) => say(message),
    timeoutMs: read.options.connectTimeout ?? TIMEOUT_MS,
    // A port of the source has one connection at a time.
    inFlight: source?.port ? 1 : Math.max(1, Math.min(IN_FLIGHT, openFileLimit().soft - RESERVE)),
  };
  await new Scan(options, loop).run(stop);
  await printer.finish(stop);
  const summary = Object.entries(counts).map(([state, count]) => `${formatCount(count)} ${state}`);
  say(`${summary.join(", ")} of ${formatCount(ports.length)} on ${host}`);
  if (counts.open > 0) return EXIT.ok;
  return counts.filtered > 0 && counts.refused === 0 ? EXIT.timeout : EXIT.unreachable;
}
