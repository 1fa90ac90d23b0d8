/** `iomux stress`: its options, and which of them exclude each other. */
import { Command } from "@commander-js/extra-typings";
import type { Spawn } from "../../serve/server.ts";
import { SERVICES } from "../../serve/services.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import { UsageError } from "../exit.ts";
import {
  atLeastOne,
  duration,
  option,
  parser,
  rate,
  SELECTOR_NAMES,
  size,
  threads,
  unixPath,
} from "../options/options.ts";
import { parseSources } from "../options/sources.ts";
import { jsonOption, outputOption } from "../results/outputs.ts";
import { readSettings } from "./settings.ts";
import { addClientTls, clientTlsOf } from "../options/tls.ts";

/** Of a repeatable option. */
const collect = (text: string, before: string[]): string[] => [...before, text];

/** The command, to be added to the program. */
export function stressCommand(spawn: Spawn & SpawnLoad, done: (code: number) => void): Command {
  const command = new Command("stress")
    .description("a load generator that checks every byte; without a target, of its own server")
    .argument("[target]", "HOST:PORT")
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
    .addOption(
      option("--server-workers <n|auto>", "of the embedded server").argParser(threads).default(1),
    )
    .optionsGroup("The load:")
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
      option("-s, --size <size>", "payload of one message, a seeded stream").argParser(size)
        .default(64, "64B"),
    )
    .addOption(
      option("-m, --message <text>", "a fixed message instead; \\r \\n \\t \\0 \\xHH {conn} {seq}"),
    )
    .addOption(option("--message-file <file>", "the same, from a file"))
    .addOption(
      option(
        "--expect <what>",
        "what must come back: echo, upper, none, line, bytes:N, /regex/, or a text",
      ).default("echo"),
    )
    .addOption(
      option("--pipeline <n>", "messages in flight on a connection (1; no limit with --rate)")
        .argParser(atLeastOne),
    )
    .addOption(
      option("-r, --rate <rate>", "open loop: messages a second, on schedule whatever comes back")
        .argParser(rate),
    )
    .addOption(
      option("--tick <dur>", "with --rate: messages are due together, this often (for less CPU)")
        .argParser(duration).default(0, "off"),
    )
    .addOption(option("--connect-rate <rate>", "connects a second").argParser(rate))
    .addOption(
      option("--ramp <dur>", "begin connections, and raise --rate, over this time")
        .argParser(duration).default(0, "off"),
    )
    .addOption(option("--hold", "exchange one message on each connection, then keep it idle"))
    .addOption(
      option("--messages-per-connection <n>", "churn: connect anew after this many")
        .argParser(atLeastOne),
    )
    .addOption(option("--reconnect", "replace lost connections; each loss is counted"))
    .addOption(
      option("--warmup <dur>", "run for this time before anything counts").argParser(duration)
        .default(0, "0s"),
    )
    .addOption(
      option("--timeout <dur>", "for a connect and for a reply").argParser(duration)
        .default(5000, "5s"),
    )
    .addOption(
      option("--source <addr>", "local addresses to spread over: ADDR[,ADDR] or CIDR")
        .argParser(parser(parseSources)),
    )
    .addOption(option("--seed <n>", "of the stream; a random one otherwise").argParser(seed))
    .addOption(option("--scenario <file>", "all of this, and stages, from a YAML or JSON file"))
    .optionsGroup("The generator:")
    .addOption(option("--workers <n|auto>", "generator threads").argParser(threads).default(1))
    .addOption(
      option("--processes <n>", "generator processes, each with --workers").argParser(threads),
    )
    .addOption(
      option("--client-selector <name>", "what the generator waits on").choices(SELECTOR_NAMES)
        .default("auto"),
    )
    .addOption(option("--start-at <time>", "connect, and begin at this time: ISO 8601, +DUR"))
    .optionsGroup("Judgement:")
    .addOption(
      option("--threshold <expr>", "such as p99<5ms, rate>100k, errors==0; repeatable")
        .argParser(collect).default([] as string[], "none"),
    )
    .addOption(option("--strict", "exit 8 when the generator was the bottleneck"))
    .addOption(option("--baseline <file>", "compare with an earlier result"))
    .addOption(option("--compare <names>", "selectors of the embedded server: A,B,…"))
    .addOption(option("--find-rate <expr>", "search the highest rate that holds, say, p99<5ms"))
    .optionsGroup("Output:")
    .addOption(jsonOption())
    .addOption(outputOption())
    .optionsGroup("TLS:");
  addClientTls(command);
  return command.action(async (target, options, self) => {
    const unix = unixPath(self, target);
    if (target !== undefined && unix !== undefined) {
      throw new UsageError("a target and --unix exclude each other");
    }
    const given = new Set(
      Object.keys(options).filter((name) =>
        self.getOptionValueSource(name as keyof typeof options) !== "default"
      ),
    );
    const typed = (name: keyof typeof options) => self.getOptionValueSource(name) === "cli";
    // What a scenario says, unless the command line says otherwise.
    const plain = { ...options, target, unix };
    const all = options.scenario === undefined
      ? { options: plain, given, stages: [], thresholds: undefined }
      : (await import("../scenario/apply.ts")).withScenario(options.scenario, plain, given);
    const embedded = all.options.target === undefined && all.options.unix === undefined;
    for (const name of ["selector", "service", "serverWorkers"] as const) {
      if (!embedded && typed(name)) {
        const flag = name === "serverWorkers" ? "server-workers" : name;
        throw new UsageError(`option '--${flag}' is for the embedded server; there is a target`);
      }
    }
    const tls = clientTlsOf(
      command,
      all.options.target && /^\[?(.*?)\]?:\d+$/.exec(all.options.target)?.[1],
    );
    if (tls && embedded) {
      throw new UsageError("option '--tls' needs a target: the embedded server has no certificate");
    }
    const settings = {
      ...readSettings({ ...all.options, tls }, all.given),
      stages: all.stages,
    };
    const threshold = all.thresholds ?? options.threshold;
    const { json = false, strict = false } = options;
    const { run } = await import("./run.ts");
    done(
      await run({ ...options, json, strict, settings, given: all.given, threshold }, spawn),
    );
  }) as unknown as Command;
}

const seed = parser((text) => {
  if (!/^\d+$/.test(text) || Number(text) >= 2 ** 32) {
    throw new Error(`"${text}" is no seed: a whole number below 4294967296`);
  }
  return Number(text);
});
