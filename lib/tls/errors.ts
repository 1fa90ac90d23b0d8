/** What can go wrong with TLS, as errors with a code of their own. */
import { ERRNO, OSError, TLS_ERRNO } from "../sys/errno.ts";
import { briefDuration } from "../text/words.ts";

/** The codes: of a connection's end, and of the statistics. */
export type TlsCode = keyof typeof TLS_ERRNO;

const ACTIONS: Readonly<Record<TlsCode, string>> = {
  TLS_HANDSHAKE: "agree on TLS",
  TLS_CERTIFICATE: "trust the peer's certificate",
  TLS_TRUNCATED: "tell whether all has come",
  TLS_PROTOCOL: "go on with TLS",
};

/**
 * TLS failed.
 *
 * `message` reads "Cannot trust the peer's certificate: TLS_CERTIFICATE (certificate has expired)".
 */
export class TlsError extends OSError {
  /** OpenSSL's words or ours: "certificate has expired". */
  readonly reason: string;

  constructor(code: TlsCode, reason: string, action: string = ACTIONS[code]) {
    super(TLS_ERRNO[code], "tls", action);
    this.reason = reason;
    this.message = `Cannot ${action}: ${code} (${reason})`;
  }
}

/** FIN, or an end of the descriptor's life, where close_notify had to come first (RFC 8446, 6.1). */
export const truncated = (handshaking: boolean): TlsError => {
  const [reason, action] = handshaking
    ? ["the peer closed the connection during the handshake", ACTIONS.TLS_HANDSHAKE]
    : ["the peer ended without close_notify"];
  return new TlsError("TLS_TRUNCATED", reason!, action);
};

/** How long an accepted connection may take for its handshake: else it could stay for ever. */
export const HANDSHAKE_MS = 10_000;

/** A handshake that was not done in time. */
export const lateHandshake = (name: string, timeoutMs: number): OSError =>
  new OSError(
    ERRNO.ETIMEDOUT!,
    "tls",
    `agree on TLS with ${name} within ${briefDuration(timeoutMs)}`,
  );

/** OpenSSL's reasons that mean: the bytes are not TLS. */
const NOT_TLS = new Set([
  "wrong version number",
  "http request",
  "https proxy request",
  "packet length too long",
  "record layer failure",
  "bad record type",
]);

export const handshakeError = (reason: string): TlsError =>
  new TlsError(
    "TLS_HANDSHAKE",
    NOT_TLS.has(reason) ? `the peer does not speak TLS: ${reason}` : reason,
  );
