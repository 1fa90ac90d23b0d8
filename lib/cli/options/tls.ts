/** The options of TLS: which there are, and what they make of a server, a client and a load. */
import {
  readAuthorities,
  readIdentity,
  type TlsClientOptions,
  type TlsIdentity,
} from "../../tls/credentials.ts";
import { UsageError } from "../exit.ts";
import { option } from "./options.ts";

/** The part of a command that is needed here, whatever options it has already. */
interface Command {
  addOption(option: any): unknown;
  getOptionValue(name: any): any;
  getOptionValueSource(name: any): string | undefined;
}

/** Whom a client trusts, and for which server. */
export interface ClientTls extends TlsClientOptions {
  /** What the certificate must be for: a name, or an IP address. */
  readonly serverName: string;
}

/** What takes connections out of the loop, and would read ciphertext. */
const HANDS_OVER = { handler: "--handler", exec: "--exec" };

/** Adds `--tls-cert` and `--tls-key`. */
export function addServerTls(command: Command): void {
  command.addOption(option("--tls-cert <file>", "serve TLS: certificate and chain, as PEM"));
  command.addOption(option("--tls-key <file>", "the certificate's key, as PEM, not encrypted"));
}

/** The part of ServeOptions that the options ask for; the files are read here, once. @throws TlsConfigError */
export function serverTlsOf(command: Command): { tls?: TlsIdentity } {
  const cert = command.getOptionValue("tlsCert");
  const key = command.getOptionValue("tlsKey");
  if (cert === undefined && key === undefined) return {};
  if (key === undefined) throw new UsageError("option '--tls-cert' needs '--tls-key' as well");
  if (cert === undefined) throw new UsageError("option '--tls-key' needs '--tls-cert' as well");
  for (const [name, long] of Object.entries(HANDS_OVER)) {
    if (command.getOptionValue(name) === undefined) continue;
    throw new UsageError(
      `option '--tls-cert' cannot be used with '${long}', which hands over the socket itself`,
    );
  }
  return { tls: readIdentity(cert, key) };
}

/** Adds `--tls`, `--tls-ca` and `--tls-insecure`. */
export function addClientTls(command: Command): void {
  command.addOption(option("--tls", "speak TLS, and check the certificate"));
  command.addOption(option("--tls-ca <file>", "trust these authorities only, as PEM"));
  command.addOption(option("--tls-insecure", "with --tls: take any certificate"));
}

/** What the options ask for; undefined without `--tls`. The host is that of the command line. */
export function clientTlsOf(command: Command, host: string | undefined): ClientTls | undefined {
  const ca = command.getOptionValue("tlsCa");
  const insecure = command.getOptionValue("tlsInsecure") ?? false;
  if (!command.getOptionValue("tls")) {
    for (const [name, long] of [["tlsCa", "--tls-ca"], ["tlsInsecure", "--tls-insecure"]]) {
      if (command.getOptionValueSource(name) === "cli") {
        throw new UsageError(`option '${long}' needs '--tls'`);
      }
    }
    return undefined;
  }
  // A Unix socket has no name: its certificate is one for this machine.
  const trusted = ca === undefined ? {} : { ca: readAuthorities(ca) };
  return { serverName: host ?? "localhost", insecure, ...trusted };
}

/** What to do about a certificate that is not trusted. */
const ADVICE =
  "; --tls-ca FILE says whom to trust, --tls-insecure takes any certificate: see docs/tls.md";

/** The message of a failed connection, with advice where there is some. */
export const withAdvice = (code: string, message: string): string =>
  code === "TLS_CERTIFICATE" ? message + ADVICE : message;
