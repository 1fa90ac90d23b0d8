/** A look at keys and certificates before anything else happens, as `checkSelector` does at selectors. */
import type { TlsClientOptions, TlsIdentity } from "../../tls/mod.ts";

/** @throws TlsConfigError when it can't be used */
export async function checkServerTls(identity: TlsIdentity): Promise<void> {
  const { tlsServer } = await import("../../tls/mod.ts");
  tlsServer(identity).free();
}

/** @throws TlsConfigError when it can't be used */
export async function checkClientTls(options: TlsClientOptions): Promise<void> {
  const { tlsClient } = await import("../../tls/mod.ts");
  tlsClient(options).free();
}
