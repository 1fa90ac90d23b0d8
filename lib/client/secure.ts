/** From a connected socket to one with TLS: the handshake, within a time. */
import type { Socket } from "../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../selectors/mod.ts";
import { ERRNO, OSError } from "../sys/errno.ts";
import { tlsClient, type TlsClientOptions, TlsSocket } from "../tls/mod.ts";
import { Loop } from "./loop.ts";

/** Longest handshake when no time is given. */
const LIMIT_MS = 30_000;

/** Whom to trust, and which name or IP address the certificate must be for. */
export interface SecureOptions extends TlsClientOptions {
  readonly serverName: string;
}

/**
 * Shakes hands. The TLS socket owns the socket; null when a signal came first.
 *
 * @throws TlsError; TlsConfigError; OSError ETIMEDOUT after `timeoutMs`
 */
export async function secure(
  socket: Socket,
  options: SecureOptions,
  timeoutMs: number | undefined,
  interrupted: () => boolean,
): Promise<TlsSocket | null> {
  const limit = timeoutMs ?? LIMIT_MS;
  const deadline = performance.now() + limit;
  const tls = new TlsSocket(socket, tlsClient(options), options.serverName);
  try {
    using loop = new Loop();
    while (!tls.isSecured) {
      const left = deadline - performance.now();
      if (left <= 0) {
        const action = `agree on TLS with ${options.serverName} within ${limit} ms`;
        throw new OSError(ERRNO.ETIMEDOUT!, "tls", action);
      }
      loop.watch(tls.fileno(), EVENT_READ | (tls.hasOutgoing ? EVENT_WRITE : 0), () => tls.take());
      await loop.turn(left);
      if (interrupted()) {
        tls[Symbol.dispose]();
        return null;
      }
    }
    return tls;
  } catch (error) {
    tls[Symbol.dispose]();
    throw error;
  }
}
