/** The options of TLS: which there are, and what they make of a server, a client and a load. */
import {
  readAuthorities,
  readIdentity,
  type TlsClientOptions,
  type TlsConnectOptions,
  type TlsIdentity,
} from "../../tls/credentials.ts";
import { UsageError } from "../exit.ts";
import { longName } from "./option.ts";
import type { Read } from "./read.ts";
import type { CLIENT_TLS } from "./client_tls.ts";

/** The part of ServeOptions that the options ask for; the files are read here, once. @throws TlsConfigError */
export function serverTlsOf(
  { tlsCert, tlsKey }: Record<"tlsCert" | "tlsKey", string | undefined>,
): { tls?: TlsIdentity } {
  if (tlsCert === undefined && tlsKey === undefined) return {};
  if (tlsKey === undefined) throw new UsageError("option '--tls-cert' needs '--tls-key' as well");
  if (tlsCert === undefined) throw new UsageError("option '--tls-key' needs '--tls-cert' as well");
  return { tls: readIdentity(tlsCert, tlsKey) };
}

const OF_TLS = ["tlsCa", "tlsInsecure", "tlsServerName", "tlsCert", "tlsKey"] as const;

/** Nothing is sent in plain text where TLS was meant. @throws UsageError */
export function checkNeedsTls({ options, source }: Read<typeof CLIENT_TLS>): void {
  const typed = OF_TLS.find((name) => source(name) === "cli");
  if (options.tls || typed === undefined) return;
  throw new UsageError(`option '--${longName(typed)}' needs '--tls'`);
}

/** What the options of a client ask for; undefined without `--tls`. The host is that of the command line. */
export function clientTlsOf(
  read: Read<typeof CLIENT_TLS>,
  host: string | undefined,
): TlsConnectOptions | undefined {
  checkNeedsTls(read);
  const { options } = read;
  if (!options.tls) return undefined;
  const { tlsCa: ca, tlsInsecure: insecure, tlsServerName: name } = options;
  // A Unix socket has no name: its certificate is one for this machine.
  const trusted = ca === undefined ? {} : { ca: readAuthorities(ca) };
  const { tls: identity } = serverTlsOf(options);
  const own = identity ? { identity } : {};
  return { serverName: name ?? host ?? "localhost", insecure, ...trusted, ...own };
}

/** Looks at a server's certificate and key before anything else happens. @throws TlsConfigError */
export async function checkServerTls(identity: TlsIdentity): Promise<void> {
  const { tlsServer } = await import("../../tls/mod.ts");
  tlsServer(identity).free();
}

/** The same for a client. @throws TlsConfigError */
export async function checkClientTls(options: TlsClientOptions): Promise<void> {
  const { tlsClient } = await import("../../tls/mod.ts");
  tlsClient(options).free();
}

/** What to do about a certificate that is not trusted. */
const ADVICE =
  "; --tls-ca FILE names the authorities to trust, --tls-insecure takes any certificate: see docs/tls.md";

/** The message of a failed connection, with advice where there is some. */
export const withAdvice = (code: string, message: string): string =>
  code === "TLS_CERTIFICATE" ? message + ADVICE : message;
