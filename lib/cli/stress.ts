/** `iomux stress`. */
import { Command } from "@commander-js/extra-typings";
import type { Spawn } from "../serve/server.ts";
import { SERVICES } from "../serve/services.ts";
import type { SpawnLoad } from "../stress/stress.ts";
import { UsageError } from "./exit.ts";
import {
  atLeastOne,
  duration,
  option,
  SELECTOR_NAMES,
  size,
  threads,
  unixPath,
} from "./options.ts";
import { addClientTls, clientTlsOf } from "./tls_options.ts";

/** `--json HOST:PORT`: the option would take what is meant as the target for the name of a file. */
function separate<F extends { json?: string | true | undefined }>(
  target: string | undefined,
  flags: F,
): { target: string | undefined; flags: F } {
  const { json } = flags;
  if (target !== undefined || typeof json !== "string") return { target, flags };
  const isTarget = /^(\[[^\]]+\]|[^:/\s]+):\d+$/.test(json);
  return isTarget ? { target: json, flags: { ...flags, json: "-" } } : { target, flags };
}

/** What is sent at most by one `send`: a pipeline's worth of messages. */
const MAX_IN_FLIGHT = 64 * 2 ** 20;

/** The command, to be added to the program. */
export function stressCommand(spawn: Spawn & SpawnLoad, done: (code: number) => void): Command {
  const command = new Command("stress")
    .description("a load generator that checks every byte; without a target, of its own server")
    .argument("[target]", "HOST:PORT")
    .addOption(option("--unix <path>", "a Unix socket instead of HOST:PORT"))
    .addOption(
      option("-c, --connections <n>", "how many connections").argParser(atLeastOne).default(50),
    )
    .addOption(
      option("-d, --duration <dur>", "stop after this time").argParser(duration)
        .default(10_000, "10s"),
    )
    .addOption(
      option("-n, --messages <n>", "stop after this many messages, over all connections")
        .argParser(atLeastOne),
    )
    .addOption(
      option("-s, --size <size>", "payload of one message").argParser(size).default(64, "64B"),
    )
    .addOption(
      option("--expect <what>", "what must come back").choices(["echo", "upper", "none"])
        .default("echo"),
    )
    .addOption(
      option("--pipeline <n>", "messages in flight on a connection").argParser(atLeastOne)
        .default(1),
    )
    .addOption(option("--workers <n|auto>", "generator threads").argParser(threads).default(1))
    .addOption(
      option("--timeout <dur>", "for a connect and for a reply").argParser(duration)
        .default(5000, "5s"),
    )
    .addOption(
      option("--client-selector <name>", "what the generator waits on").choices(SELECTOR_NAMES)
        .default("auto"),
    )
    .addOption(
      option("--selector <name>", "what the embedded server waits on").choices(SELECTOR_NAMES)
        .default("auto"),
    )
    .addOption(
      option("--service <name>", "of the embedded server").choices(Object.keys(SERVICES))
        .default("echo"),
    )
    .addOption(
      option("--server-workers <n|auto>", "of the embedded server").argParser(threads).default(1),
    )
    .addOption(
      option("--json [file]", "the result as JSON, to stdout or a file (not named HOST:PORT)")
        .preset("-"),
    );
  addClientTls(command);
  return command.action(async (argument, options, self) => {
    const { target, flags: given } = separate(argument, options);
    const flags = { ...given, unix: unixPath(self, target) };
    if (target !== undefined && flags.unix !== undefined) {
      throw new UsageError("a target and --unix exclude each other");
    }
    const embedded = target === undefined && flags.unix === undefined;
    for (const name of ["selector", "service", "serverWorkers"] as const) {
      if (!embedded && self.getOptionValueSource(name) === "cli") {
        const flag = name === "serverWorkers" ? "server-workers" : name;
        throw new UsageError(`option '--${flag}' is for the embedded server; there is a target`);
      }
    }
    if (flags.size < 1) throw new UsageError("option '--size' must be at least 1 byte");
    if (flags.duration <= 0) throw new UsageError("option '--duration' must be more than 0");
    if (flags.timeout <= 0) throw new UsageError("option '--timeout' must be more than 0");
    if (flags.size * flags.pipeline > MAX_IN_FLIGHT) {
      throw new UsageError("--size times --pipeline must not be more than 64MiB");
    }
    // A count is not cut short by a time that nobody asked for.
    const untimed = flags.messages !== undefined &&
      self.getOptionValueSource("duration") === "default";
    const tls = clientTlsOf(command, target && /^\[?(.*?)\]?:\d+$/.exec(target)?.[1]);
    if (tls && embedded) {
      throw new UsageError("option '--tls' needs a target: the embedded server has no certificate");
    }
    const { run } = await import("./stress_run.ts");
    done(await run(target, { ...flags, tls, duration: untimed ? null : flags.duration }, spawn));
  }) as unknown as Command;
}
