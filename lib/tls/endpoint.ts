/** What a thread needs for its sessions: made from keys and certificates, given back at the end. */
import { openSsl } from "../sys/openssl.ts";
import { TlsContext } from "./context.ts";
import { type TlsClientOptions, TlsConfigError, type TlsIdentity } from "./credentials.ts";
import { opensslMissing } from "./missing.ts";
import { TlsSession, type TlsSink } from "./session.ts";

export interface TlsEndpoint {
  /**
   * A new session; a client's is for a server of this name or IP address.
   *
   * @throws TlsError when the name is none that a certificate could be for
   */
  session(sink: TlsSink, serverName?: string): TlsSession;
  /** Gives back its memory, once its sessions have done so. */
  free(): void;
}

/** For accepted connections. @throws TlsConfigError */
export const tlsServer = (identity: TlsIdentity): TlsEndpoint =>
  build(true, false, (context) => context.identify(identity));

/** For connections that we make. @throws TlsConfigError */
export const tlsClient = ({ ca, insecure, identity, alpn }: TlsClientOptions): TlsEndpoint =>
  build(false, !insecure, (context) => {
    context.trust(ca);
    if (identity) context.identify(identity);
    if (alpn?.length) context.offer(alpn);
  });

/** Builds an endpoint, and gives everything back when that fails half-way. */
function build(server: boolean, verify: boolean, fill: (context: TlsContext) => void): TlsEndpoint {
  const ssl = openSsl();
  if (!ssl) throw new TlsConfigError(opensslMissing());
  const context = new TlsContext(ssl, server, verify);
  try {
    fill(context);
    return {
      session: (sink, serverName) => new TlsSession(context, sink, serverName),
      free: () => context.free(),
    };
  } catch (error) {
    context.free();
    throw error;
  }
}
