/** A look at keys and certificates before anything else happens, as `checkSelector` does at selectors. */
import type { TlsClientOptions, TlsServerOptions } from "../../tls/mod.ts";

/** The part of a logger that is needed here. */
interface Warning {
  warn(message: string): void;
}

/** @throws TlsConfigError when it can't be used; warns when TLS is slower than it could be */
export async function checkServerTls(options: TlsServerOptions, log: Warning): Promise<void> {
  const { tlsFallback, tlsServer } = await import("../../tls/mod.ts");
  tlsServer(options).free();
  const fallback = tlsFallback();
  if (fallback !== undefined) log.warn(fallback);
}

/** @throws TlsConfigError when it can't be used; warns when TLS is slower than it could be */
export async function checkClientTls(options: TlsClientOptions, log: Warning): Promise<void> {
  const { tlsClient, tlsFallback } = await import("../../tls/mod.ts");
  tlsClient(options).free();
  const fallback = tlsFallback();
  if (fallback !== undefined) log.warn(fallback);
}
