/** The options of `iomux serve` for those who run it: who may connect, metrics, sockets handed over. */
import type { ServeOptions } from "../../serve/options.ts";
import { UsageError } from "../exit.ts";
import { atLeastOne, option } from "../options/options.ts";

/** The part of a command that is needed here, whatever options it has already. */
interface Command {
  addOption(option: any): unknown;
  getOptionValue(name: any): any;
}

/** What the options ask for. */
export interface Operations {
  readonly options: Pick<ServeOptions, "allow" | "deny" | "maxPerAddress" | "listenFds">;
  /** Where to answer HTTP; undefined for nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
}

/** Values add up: given again, or after a comma, as a variable can't be given again. */
const collect = (text: string, before: string[] = []): string[] => [
  ...before,
  ...text.split(",").map((part) => part.trim()).filter((part) => part !== ""),
];

/** Of these a Unix socket has nothing to tell. */
const BY_ADDRESS = { allow: "--allow", deny: "--deny", maxPerAddress: "--max-per-address" };

/** Adds the options to the command. */
export function addOperationOptions(command: Command): void {
  for (
    const added of [
      option("--allow <cidr>", "serve only these networks; repeatable; --deny wins")
        .argParser(collect),
      option("--deny <cidr>", "close connections from these networks at once; repeatable")
        .argParser(collect),
      option("--max-per-address <n>", "connections from one address; more are closed and counted")
        .argParser(atLeastOne),
      option("--metrics <host:port>", "answer HTTP there: /metrics, /stats.json, /healthz"),
    ]
  ) command.addOption(added);
}

/** Reads the options, and takes over the sockets of a service manager. */
export async function operationsOf(command: Command): Promise<Operations> {
  const value = (name: string) => command.getOptionValue(name);
  if (value("unix") !== undefined) {
    for (const [name, long] of Object.entries(BY_ADDRESS)) {
      if (value(name) === undefined) continue;
      throw new UsageError(`option '${long}' has no meaning with '--unix': there are no addresses`);
    }
  }
  const { parseCidr } = await import("../../net/cidr.ts");
  for (const name of ["allow", "deny"]) {
    for (const network of value(name) ?? []) checked(`--${name}`, () => parseCidr(network));
  }
  const { parseHostPort } = await import("../../net/address.ts");
  const metrics = value("metrics");
  const { takeListeners } = await import("../../serve/activation.ts");
  return {
    metrics: metrics === undefined ? undefined : checked("--metrics", () => parseHostPort(metrics)),
    options: {
      allow: value("allow") ?? [],
      deny: value("deny") ?? [],
      maxPerAddress: value("maxPerAddress") ?? 0,
      listenFds: takeListeners(),
    },
  };
}

function checked<T>(long: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`option '${long}' is invalid. ${(error as Error).message}`);
  }
}
