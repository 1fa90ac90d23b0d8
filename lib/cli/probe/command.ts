/** `iomux probe`: its options. */
import { Command } from "@commander-js/extra-typings";
import { PROFILE_NAMES, type ProfileName, type SpawnProbe } from "../../probe/plan.ts";
import type { Spawn } from "../../serve/server.ts";
import { SERVICES } from "../../serve/services.ts";
import { didYouMean } from "../../text/nearest.ts";
import { UsageError } from "../exit.ts";
import {
  atLeastOne,
  duration,
  option,
  SELECTOR_NAMES,
  size,
  unixPath,
} from "../options/options.ts";
import { addClientTls, clientTlsOf } from "../options/tls.ts";
import { jsonOption, outputOption } from "../results/outputs.ts";
import { readSettings } from "../stress/settings.ts";

/** Options of a load that a probe does not have. */
const NO_LOAD = {
  ...{ duration: 1000, tick: 0, ramp: 0, warmup: 0, workers: 1, serverWorkers: 1 },
  clientSelector: "auto",
} as const;

/** The command, to be added to the program. */
export function probeCommand(spawn: Spawn & SpawnProbe, done: (code: number) => void): Command {
  const command = new Command("probe")
    .description("misbehaving clients, and how a server takes them; without a target, its own")
    .argument("[target]", "HOST:PORT")
    .argument("[profiles...]", `${PROFILE_NAMES.join(", ")} (all of them)`)
    .optionsGroup("The target:")
    .addOption(option("--unix <path>", "a Unix socket instead of HOST:PORT"))
    .addOption(
      option("--selector <name>", "what the embedded server waits on").choices(SELECTOR_NAMES)
        .default("auto"),
    )
    .addOption(
      option("--service <name>", "of the embedded server").choices(Object.keys(SERVICES))
        .default("echo"),
    )
    .optionsGroup("The clients:")
    .addOption(
      option("-c, --connections <n>", "misbehaving connections of each profile (6)")
        .argParser(atLeastOne),
    )
    .addOption(
      option("-s, --size <size>", "payload of one message, a seeded stream").argParser(size)
        .default(64, "64B"),
    )
    .addOption(
      option("-m, --message <text>", "a fixed message instead; \\r \\n \\t \\0 \\xHH {conn} {seq}"),
    )
    .addOption(option("--message-file <file>", "the same, from a file"))
    .addOption(
      option("--expect <what>", "what must come back, as in stress").default("echo"),
    )
    .addOption(
      option("--timeout <dur>", "for a connect, for a reply, and for each reaction")
        .argParser(duration).default(5000, "5s"),
    )
    .optionsGroup("Output:")
    .addOption(jsonOption())
    .addOption(outputOption(["json"]))
    .optionsGroup("TLS:");
  addClientTls(command);
  return command.action(async (first, others, options, self) => {
    const isTarget = first !== undefined && /[:.]/.test(first);
    const target = isTarget ? first : undefined;
    const profiles = readProfiles(first === undefined || isTarget ? others : [first, ...others]);
    const unix = unixPath(self, target);
    if (target !== undefined && unix !== undefined) {
      throw new UsageError("a target and --unix exclude each other");
    }
    const given = new Set(
      Object.keys(options).filter((name) =>
        self.getOptionValueSource(name as keyof typeof options) !== "default"
      ),
    );
    const tls = clientTlsOf(command, target && /^\[?(.*?)\]?:\d+$/.exec(target)?.[1]);
    if (tls && target === undefined && unix === undefined) {
      throw new UsageError("option '--tls' needs a target: the embedded server has no certificate");
    }
    const { connections, json = false, output } = options;
    const settings = readSettings(
      { ...NO_LOAD, ...options, connections: connections ?? 1, target, unix, tls },
      given,
    );
    const { run } = await import("./run.ts");
    done(await run({ settings, profiles, connections, json, output }, spawn));
  }) as unknown as Command;
}

/** The profiles that are named; all without a name. @throws UsageError */
export function readProfiles(names: readonly string[]): ProfileName[] {
  for (const name of names) {
    if ((PROFILE_NAMES as readonly string[]).includes(name)) continue;
    throw new UsageError(
      `there is no profile "${name}"${didYouMean(name, PROFILE_NAMES)}; ` +
        `there are ${PROFILE_NAMES.join(", ")}; a target is HOST:PORT`,
    );
  }
  return PROFILE_NAMES.filter((name) => names.length === 0 || names.includes(name));
}
