/** OpenSSL's contexts: keys, certificates, settings, and the memory that a thread's sessions share. */
import { Native, type Pointer } from "../sys/ffi.ts";
import { cText, made, type OpenSsl, openSsl, takeReason } from "../sys/openssl.ts";
import { TlsConfigError } from "./errors.ts";
import { checkFile } from "./files.ts";
import { OpenSslSession } from "./openssl_session.ts";
import type {
  TlsClientOptions,
  TlsEndpoint,
  TlsServerOptions,
  TlsSession,
  TlsSink,
} from "./session.ts";

// From openssl/ssl.h of version 3; they are part of its ABI.
const SSL_CTRL_MODE = 33;
const SSL_MODE_RELEASE_BUFFERS = 0x10;
const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
const SSL_SESS_CACHE_OFF = 0;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const TLS1_2_VERSION = 0x0303;
const SSL_OP_NO_COMPRESSION = 1n << 17n;
const SSL_OP_NO_RENEGOTIATION = 1n << 30n;
const SSL_OP_CIPHER_SERVER_PREFERENCE = 1n << 22n;
const SSL_FILETYPE_PEM = 1;
const SSL_VERIFY_NONE = 0;
const SSL_VERIFY_PEER = 1;

/** Plaintext of one `receive`: what the engine receives at once, and a record (2^14) held back before. */
const PLAIN_BYTES = (64 + 32) * 1024;
/** Ciphertext of one slice, with what four records add to it. */
const CIPHER_BYTES = (64 + 1) * 1024;

/**
 * A context and its buffers. Its sessions share one pair of memory BIOs: each call of a session begins
 * and ends with both of them empty, so a connection at rest costs neither input nor output buffers.
 */
export class OpenSslEndpoint implements TlsEndpoint {
  readonly asynchronous = false;
  readonly ssl: OpenSsl;
  readonly context: Pointer;
  readonly input: Pointer;
  readonly output: Pointer;
  readonly plain: Native = new Native(PLAIN_BYTES);
  readonly cipher: Native = new Native(CIPHER_BYTES);
  readonly server: boolean;
  readonly verify: boolean;
  /** An empty password: without one OpenSSL would ask at the terminal for that of an encrypted key. */
  readonly #password = new Native(8);

  constructor(ssl: OpenSsl, server: boolean, verify: boolean) {
    this.ssl = ssl;
    this.server = server;
    this.verify = verify;
    this.context = made(ssl, ssl.SSL_CTX_new(ssl.TLS_method()), "SSL_CTX_new");
    this.input = made(ssl, ssl.BIO_new(ssl.BIO_s_mem()), "BIO_new");
    this.output = made(ssl, ssl.BIO_new(ssl.BIO_s_mem()), "BIO_new");
    const control = (command: number, value: number) =>
      ssl.SSL_CTX_ctrl(this.context, command, value, null);
    control(SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION);
    control(SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS);
    // Tickets remember sessions on the client's side; a cache on ours would grow with every handshake.
    control(SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF);
    ssl.SSL_CTX_set_options(
      this.context,
      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE,
    );
    ssl.SSL_CTX_set_default_passwd_cb_userdata(this.context, this.#password.pointer);
    ssl.SSL_CTX_set_verify(this.context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, null);
  }

  /** Loads certificate and key. @throws TlsConfigError */
  identify({ cert, key }: TlsServerOptions): void {
    const { ssl, context } = this;
    checkFile(cert, "certificate", /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/);
    checkFile(key, "key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/);
    if (ssl.SSL_CTX_use_certificate_chain_file(context, cText(cert)) !== 1) {
      throw new TlsConfigError(`Cannot use the certificate ${cert}: ${takeReason(ssl)}`);
    }
    if (ssl.SSL_CTX_use_PrivateKey_file(context, cText(key), SSL_FILETYPE_PEM) !== 1) {
      const reason = takeReason(ssl);
      throw new TlsConfigError(
        /mismatch/.test(reason)
          ? `Cannot use the key ${key}: it does not belong to the certificate ${cert} (${reason})`
          : `Cannot use the key ${key}: ${reason}`,
      );
    }
    if (ssl.SSL_CTX_check_private_key(context) !== 1) {
      throw new TlsConfigError(
        `Cannot use the key ${key}: it does not belong to the certificate ${cert} ` +
          `(${takeReason(ssl)})`,
      );
    }
  }

  /** Whom to trust. @throws TlsConfigError */
  trust({ ca }: TlsClientOptions): void {
    const { ssl, context } = this;
    if (ca === undefined) {
      ssl.SSL_CTX_set_default_verify_paths(context);
      ssl.ERR_clear_error();
      return;
    }
    checkFile(ca, "authorities", /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/);
    if (ssl.SSL_CTX_load_verify_locations(context, cText(ca), null) !== 1) {
      throw new TlsConfigError(`Cannot use the authorities in ${ca}: ${takeReason(ssl)}`);
    }
  }

  session(sink: TlsSink, serverName?: string): TlsSession {
    return new OpenSslSession(this, sink, serverName);
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  free(): void {
    this.ssl.BIO_free(this.input);
    this.ssl.BIO_free(this.output);
    this.ssl.SSL_CTX_free(this.context);
  }
}

/** OpenSSL, or why there is none. */
export function openSslMissing(): string | undefined {
  const ssl = openSsl();
  return ssl instanceof Error ? ssl.message : undefined;
}

function library(): OpenSsl {
  const ssl = openSsl();
  if (ssl instanceof Error) throw ssl;
  return ssl;
}

/** Builds an endpoint, and gives everything back when that fails half-way. */
function build(server: boolean, verify: boolean, fill: (endpoint: OpenSslEndpoint) => void) {
  const endpoint = new OpenSslEndpoint(library(), server, verify);
  try {
    fill(endpoint);
    return endpoint;
  } catch (error) {
    endpoint.free();
    throw error;
  }
}

/** For accepted connections. @throws TlsConfigError */
export const openSslServer = (options: TlsServerOptions): TlsEndpoint =>
  build(true, false, (endpoint) => endpoint.identify(options));

/** For connections that we make. @throws TlsConfigError */
export const openSslClient = (options: TlsClientOptions): TlsEndpoint =>
  build(false, !options.insecure, (endpoint) => endpoint.trust(options));
