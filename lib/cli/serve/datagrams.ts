/** `iomux serve --udp`. */
import { listenOnHost } from "../../engine/listen_host.ts";
import { DatagramSocket } from "../../net/mod.ts";
import { DatagramServer } from "../../serve/datagrams.ts";
import { DATAGRAM_SERVICES } from "../../serve/services.ts";
import { EXIT, UsageError } from "../exit.ts";
import { longName } from "../options/option.ts";
import { err } from "../output.ts";
import { FLUSH_MS } from "../../sys/stdio/output.ts";
import { OutputStream } from "../../sys/stdio/output_stream.ts";
import { plural } from "../../text/words.ts";
import { onSignals } from "../signals.ts";
import type { ServeRead } from "./command.ts";
import { createLogger } from "./log.ts";

/** What has a meaning with it: datagrams know no connections. */
const ALLOWED = ["udp", "port", "host", "service", "selector", "stats", "quiet", "logLevel"];

export async function serveDatagrams({ options, source, given }: ServeRead): Promise<number> {
  const wrong = [...given].find((key) => !ALLOWED.includes(key) && source(key as "port") === "cli");
  if (wrong !== undefined) {
    throw new UsageError(`options '--udp' and '--${longName(wrong)}' exclude each other`);
  }
  if (!DATAGRAM_SERVICES.includes(options.service)) {
    throw new UsageError(
      `option '--udp' serves ${
        DATAGRAM_SERVICES.join(", ")
      }: '--service ${options.service}' answers ` +
        "with more than it is sent, and so would flood the owner of a forged address",
    );
  }
  const { host, port, service, selector } = options;
  const { warn } = createLogger(options.quiet ? "error" : options.logLevel, "text", err);
  const open = (host: string, port: number) => [DatagramSocket.bind({ host, port })];
  const sockets = (await listenOnHost({ host, port, open, warn })).flat();
  const server = new DatagramServer({ sockets, service, selector });
  const stdout = new OutputStream(1);
  const printStats = () => stdout.write(JSON.stringify(server.stats()) + "\n");
  const stop = new AbortController();
  const end = () => stop.abort();
  const restore = onSignals({ first: end, second: end, usr1: printStats });
  for (const name of server.names) stdout.write(`listening on ${name}\n`);
  const lost = await server.run(stop.signal);
  if (lost > 0) {
    warn(`${plural(lost, "datagram")} lost here: they came faster than they were answered`);
  }
  restore();
  if (options.stats) printStats();
  await stdout.flush(FLUSH_MS);
  return EXIT.ok;
}
