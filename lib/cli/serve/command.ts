/** `iomux serve`. */
import { Command } from "@commander-js/extra-typings";
import { SERVE_DEFAULTS as DEFAULTS, type ServeOptions } from "../../serve/options.ts";
import type { SpawnHandler } from "../../serve/handoff/handler_pool.ts";
import type { Spawn } from "../../serve/server.ts";
import { SERVICES } from "../../serve/services.ts";
import { UsageError } from "../exit.ts";
import {
  atLeastOne,
  duration,
  LOG_LEVELS,
  option,
  port,
  SELECTOR_NAMES,
  size,
  socketPath,
  threads,
} from "../options/options.ts";
import { addOperationOptions, operationsOf } from "./operations.ts";
import { addHandoffOptions, handoffOf } from "./handoff.ts";
import { addFaultOptions, faultsOf } from "./faults.ts";
import { addServerTls, serverTlsOf } from "../options/tls.ts";
import { formatSize } from "../../text/units.ts";

/** The command, to be added to the program. */
export function serveCommand(spawn: Spawn & SpawnHandler, done: (code: number) => void): Command {
  const command = new Command("serve")
    .description("a TCP server: echo, upper, discard, chargen or daytime")
    .addOption(option("-p, --port <n>", "port; 0 picks a free one").argParser(port).default(9999))
    .addOption(option("-H, --host <addr>", 'address; "::" is dual-stack').default(DEFAULTS.host))
    .addOption(
      option("--unix <path>", "listen on a Unix socket instead").argParser(socketPath),
    )
    .addOption(
      option("--service <name>", "what to answer").choices(Object.keys(SERVICES))
        .default(DEFAULTS.service),
    )
    .addOption(
      option("--selector <name>", "what the loop waits on").choices(SELECTOR_NAMES).default("auto"),
    )
    .addOption(
      option("--workers <n|auto>", "event loops in threads").argParser(threads).default(1),
    )
    .addOption(
      option("--max-connections <n>", "more are closed and counted (default: from RLIMIT_NOFILE)")
        .argParser(atLeastOne),
    )
    .addOption(
      option("--max-buffer <size>", "unsent output per connection; at half of it reading stops")
        .argParser(size).default(DEFAULTS.maxBuffer, formatSize(DEFAULTS.maxBuffer)),
    )
    .addOption(
      option("--idle-timeout <dur>", "close connections that are idle for longer")
        .argParser(duration).default(0, "off"),
    )
    .addOption(
      option("--fin-timeout <dur>", "how long a half-closed peer may take to finish")
        .argParser(duration).default(DEFAULTS.finMs, "30s"),
    )
    .addOption(
      option("--drain-timeout <dur>", "how long open connections may take after a signal")
        .argParser(duration).default(DEFAULTS.drainMs, "10s"),
    )
    .addOption(
      option("--backlog <n>", "connections that wait to be accepted").argParser(atLeastOne)
        .default(DEFAULTS.backlog),
    )
    .addOption(option("--stats", "print the statistics as JSON to stdout at exit"))
    .addOption(option("--trace", "narrate every turn of the loop to stderr; replies are queued"))
    .addOption(
      option("--log-level <level>", "least level to log").choices(LOG_LEVELS).default("info"),
    )
    .addOption(
      option("--log-format <format>", "of log lines").choices(["text", "json"]).default("text"),
    );
  addHandoffOptions(command);
  addFaultOptions(command);
  addOperationOptions(command);
  addServerTls(command);
  return command.action(async (flags) => {
    if (flags.maxBuffer < 2) throw new UsageError("option '--max-buffer' must be at least 2 bytes");
    const { limits, run } = await import("./run.ts");
    const operations = await operationsOf(command);
    const { connections, openFiles } = limits(flags.selector);
    const options: ServeOptions = {
      host: flags.host,
      port: flags.port,
      ...(flags.unix === undefined ? {} : { path: flags.unix }),
      service: flags.service,
      selector: flags.selector,
      workers: flags.workers,
      maxConnections: flags.maxConnections ?? connections,
      maxBuffer: flags.maxBuffer,
      idleMs: flags.idleTimeout,
      finMs: flags.finTimeout,
      drainMs: flags.drainTimeout,
      backlog: flags.backlog,
      trace: flags.trace ?? false,
      ...handoffOf(command),
      ...faultsOf(command),
      ...operations.options,
      ...serverTlsOf(command),
    };
    done(
      await run(options, spawn, {
        stats: flags.stats ?? false,
        openFiles,
        metrics: operations.metrics,
        level: flags.logLevel,
        format: flags.logFormat,
      }),
    );
  }) as unknown as Command;
}
