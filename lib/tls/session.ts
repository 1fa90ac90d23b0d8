/**
 * TLS without I/O: ciphertext in, plaintext out, and the other way round.
 *
 * A session has no descriptor and never waits. What it is given, and what comes of it, is bytes: the
 * owner hands on what arrives to `receive`, and a sink gets what is to be sent, what was decrypted, and
 * what became of the session. Two implementations stand behind it: OpenSSL, where the sink is called
 * from within the session's methods, and node:tls, where it is called in later turns of the event loop.
 */
import type { TlsError } from "./errors.ts";

/** What a session says. Bytes are lent until the call returns. A sink may call the session back. */
export interface TlsSink {
  /** To be sent to the peer. */
  ciphertext(bytes: Uint8Array): void;
  /** The handshake is done, and on a client the certificate is as it must be. */
  secured(): void;
  /** Decrypted. */
  plaintext(bytes: Uint8Array): void;
  /** The peer's close_notify: nothing more will come, but it may still read. */
  ended(): void;
  /** After `end`: all that there is to say was given to `ciphertext`, close_notify last. FIN may follow. */
  sent(): void;
  /** It is over; an alert that says so to the peer was given to `ciphertext`. Nothing follows. */
  failed(error: TlsError): void;
}

/** One end of a TLS connection. */
export interface TlsSession {
  /** Once secured: each direction ends by itself. */
  readonly halfClose: boolean;
  /** Begins the handshake: a client has something to say at once. */
  start(): void;
  /** Takes what arrived from the peer. */
  receive(ciphertext: Uint8Array): void;
  /** Encrypts; only once secured. */
  send(plaintext: Uint8Array): void;
  /** Says close_notify after all that was sent. */
  end(): void;
  /** Gives back its memory. No call may follow; the sink is called no more. */
  free(): void;
}

/** What a thread needs for its sessions: keys, certificates, settings. */
export interface TlsEndpoint {
  /** The sink is called in turns of the event loop, so its thread has to let it turn. */
  readonly asynchronous: boolean;
  /** A new session; a client's is for a server of this name or IP address. */
  session(sink: TlsSink, serverName?: string): TlsSession;
  /** For an asynchronous one: resolves when nothing is under way any more. */
  settled(): Promise<void>;
  /** Gives back its memory, once its sessions have done so. */
  free(): void;
}

/** A server's certificate with the chain above it, and its key: PEM files. */
export interface TlsServerOptions {
  readonly cert: string;
  readonly key: string;
}

/** Whom a client trusts. */
export interface TlsClientOptions {
  /** A PEM file of the only authorities that are trusted; without it those of the system. */
  readonly ca?: string;
  /** Accepts any certificate. */
  readonly insecure: boolean;
}

/** True for what never goes into SNI, and is looked for among a certificate's IP addresses. */
export const isIpAddress = (host: string): boolean =>
  process.getBuiltinModule("node:net").isIP(host) !== 0;
