/** `iomux client`. */
import { Command } from "@commander-js/extra-typings";
import { UsageError } from "../exit.ts";
import { duration, option, port as parsePort, unixPath } from "../options/options.ts";
import { addClientTls, clientTlsOf } from "../options/tls.ts";

/** The command, to be added to the program. */
export function clientCommand(done: (code: number) => void): Command {
  const command = new Command("client")
    .description("a netcat: stdin to the peer, the peer to stdout, byte for byte")
    .argument("[target]", "HOST:PORT, or HOST")
    .argument("[port]", "after HOST")
    .addOption(option("--unix <path>", "connect to a Unix socket instead"))
    .addOption(
      option("-w, --connect-timeout <dur>", "give up connecting after this time")
        .argParser(duration),
    );
  addClientTls(command);
  return command.action(async (target, port, flags, self) => {
    const address = destination(target, port, unixPath(self, target));
    if (flags.connectTimeout !== undefined && flags.connectTimeout <= 0) {
      throw new UsageError("option '--connect-timeout' must be more than 0");
    }
    const { run } = await import("./run.ts");
    const tls = clientTlsOf(command, "host" in address ? address.host : undefined);
    done(await run(address, flags.connectTimeout, tls));
  }) as unknown as Command;
}

/** Whom to connect to. */
export type Destination = { host: string; port: number } | { path: string };

function destination(
  target: string | undefined,
  port: string | undefined,
  path: string | undefined,
): Destination {
  if (path !== undefined) {
    if (target !== undefined) throw new UsageError("HOST:PORT and --unix exclude each other");
    return { path };
  }
  if (target === undefined) throw new UsageError("missing target: HOST:PORT or --unix PATH");
  const match = /^(?:\[(.+)\]|([^:]+)):([^:]*)$/.exec(target);
  const host = match?.[1] ?? match?.[2] ?? target;
  const portText = match?.[3] ?? port;
  if (portText === undefined) {
    throw new UsageError(`invalid target "${target}": use HOST:PORT, or [HOST]:PORT for IPv6`);
  }
  if (match && port !== undefined) throw new UsageError("the port is given twice");
  if (portText === "0") throw new UsageError("nobody can be reached at port 0");
  try {
    return { host, port: parsePort(portText) };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
