/** The options of `iomux serve` for those who run it: who may connect, metrics, sockets handed over. */
import type { ServeOptions } from "../../serve/options.ts";
import { UsageError } from "../exit.ts";
import { longName } from "../options/option.ts";
import type { ServeRead } from "./command.ts";

type Where = "host" | "port" | "path";

export interface Operations {
  readonly options: Pick<ServeOptions, "allow" | "deny" | "maxPerAddress" | "listenFds">;
  /** Where to answer HTTP; undefined for nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
}

/** A Unix socket's peers have no addresses. */
const BY_ADDRESS = ["allow", "deny", "maxPerAddress"] as const;

/** Where a server listens. What is typed counts more than a variable. @throws UsageError */
export function whereOf({ options, source }: ServeRead): Pick<ServeOptions, Where> {
  const { host, port, unix } = options;
  const typed = (["host", "port"] as const).find((name) => source(name) === "cli");
  if (unix === undefined) return { host, port };
  if (typed === undefined) return { host, port, path: unix };
  if (source("unix") !== "cli") return { host, port };
  throw new UsageError(`options '--unix' and '--${typed}' exclude each other`);
}

/** Reads the options, and takes over the sockets of a service manager. `path` is that of a Unix socket. */
export async function operationsOf(
  { options, given }: ServeRead,
  path: string | undefined,
): Promise<Operations> {
  const { allow, deny, metrics, maxPerAddress = 0 } = options;
  for (const name of BY_ADDRESS) {
    if (path === undefined || !given.has(name)) continue;
    throw new UsageError(
      `option '--${longName(name)}' has no meaning with '--unix': there are no addresses`,
    );
  }
  const { parseCidr } = await import("../../net/cidr.ts");
  for (const network of allow) checked("--allow", () => parseCidr(network));
  for (const network of deny) checked("--deny", () => parseCidr(network));
  const { parseHostPort } = await import("../../net/address.ts");
  const { takeListeners } = await import("../../serve/activation.ts");
  return {
    metrics: metrics === undefined ? undefined : checked("--metrics", () => parseHostPort(metrics)),
    options: { allow, deny, maxPerAddress, listenFds: takeListeners() },
  };
}

function checked<T>(long: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`option '${long}': ${(error as Error).message}`);
  }
}
