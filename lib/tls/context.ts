/** An SSL_CTX: keys, certificates, settings, and the memory that the sessions of a thread share. */
import { addressOf, Native, type Pointer } from "../sys/ffi.ts";
import { expect, made, type OpenSsl, takeReason } from "../sys/openssl.ts";
import { type Pem, TlsConfigError, type TlsIdentity } from "./credentials.ts";

// From openssl/ssl.h and openssl/pem.h of version 3; they are part of its ABI.
const SSL_CTRL_MODE = 33;
const SSL_MODE_RELEASE_BUFFERS = 0x10;
const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
const SSL_SESS_CACHE_OFF = 0;
const SSL_CTRL_CHAIN_CERT = 89;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const TLS1_2_VERSION = 0x0303;
const SSL_OP_NO_COMPRESSION = 1n << 17n;
const SSL_OP_NO_RENEGOTIATION = 1n << 30n;
const SSL_OP_CIPHER_SERVER_PREFERENCE = 1n << 22n;
const SSL_VERIFY_NONE = 0;
const SSL_VERIFY_PEER = 1;
/** takeReason's words for PEM_R_NO_START_LINE: there is nothing more of the kind in the file. */
const NO_START_LINE = "no start line";

/** Plaintext of one `receive`: what the engine receives at once, and a record (2^14) held back before. */
const PLAIN_BYTES = (64 + 32) * 1024;
/** Ciphertext of one slice, with what four records add to it. */
const CIPHER_BYTES = (64 + 1) * 1024;

/**
 * A context and its buffers. Its sessions share one pair of memory BIOs: each call of a session begins
 * and ends with both of them empty, so a connection at rest costs neither input nor output buffers.
 */
export class TlsContext {
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
    expect(
      ssl,
      control(SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION),
      "SSL_CTX_set_min_proto_version",
    );
    control(SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS);
    // Tickets remember sessions on the client's side; a cache on ours would grow with every handshake.
    control(SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF);
    ssl.SSL_CTX_set_options(
      this.context,
      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE,
    );
    ssl.SSL_CTX_set_verify(this.context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, null);
  }

  /** Takes certificate, chain and key. @throws TlsConfigError */
  identify({ cert, key }: TlsIdentity): void {
    const { ssl, context } = this;
    let first = true;
    this.#certificates(cert, "certificate", (certificate) => {
      const taken = first
        ? ssl.SSL_CTX_use_certificate(context, certificate)
        // The 1 says that the chain holds a reference of its own.
        : ssl.SSL_CTX_ctrlPointer(context, SSL_CTRL_CHAIN_CERT, 1, certificate);
      first = false;
      return taken;
    });
    this.#open(key, (bio) => {
      const handle = ssl.PEM_read_bio_PrivateKey(bio, null, null, this.#password.pointer);
      if (addressOf(handle) === 0) {
        throw new TlsConfigError(`Cannot use the key ${key.path}: ${takeReason(ssl)}`);
      }
      const taken = ssl.SSL_CTX_use_PrivateKey(context, handle);
      ssl.EVP_PKEY_free(handle);
      if (taken === 1 && ssl.SSL_CTX_check_private_key(context) === 1) return;
      const reason = takeReason(ssl);
      throw new TlsConfigError(
        `Cannot use the key ${key.path}: ` +
          (/mismatch/.test(reason)
            ? `it does not belong to the certificate ${cert.path} (${reason})`
            : reason),
      );
    });
  }

  /** Trusts these authorities, or those of the system. @throws TlsConfigError */
  trust(ca: Pem | undefined): void {
    const { ssl, context } = this;
    if (ca === undefined) {
      expect(
        ssl,
        ssl.SSL_CTX_set_default_verify_paths(context),
        "SSL_CTX_set_default_verify_paths",
      );
      ssl.ERR_clear_error(); // of files that are not there
      return;
    }
    const store = ssl.SSL_CTX_get_cert_store(context);
    this.#certificates(ca, "authorities in", (certificate) => {
      return ssl.X509_STORE_add_cert(store, certificate);
    });
  }

  /** Offers these protocols (RFC 7301), the preferred one first. @throws TlsConfigError */
  offer(protocols: readonly string[]): void {
    const list: number[] = [];
    for (const protocol of protocols) {
      const name = new TextEncoder().encode(protocol);
      if (name.length === 0 || name.length > 255) {
        throw new TlsConfigError(
          `Cannot offer the protocol "${protocol}": its name has 1 to 255 bytes`,
        );
      }
      list.push(name.length, ...name);
    }
    const bytes = Uint8Array.from(list);
    // Unlike the others it returns 0 when it has succeeded.
    const taken = this.ssl.SSL_CTX_set_alpn_protos(this.context, bytes, bytes.length) === 0;
    expect(this.ssl, taken ? 1 : 0, "SSL_CTX_set_alpn_protos");
  }

  /** Gives each certificate of the file to `take`, which returns 1 when it has taken it. */
  #certificates(pem: Pem, what: string, take: (certificate: Pointer) => number): void {
    const { ssl } = this;
    const fail = (reason: string) => {
      throw new TlsConfigError(`Cannot use the ${what} ${pem.path}: ${reason}`);
    };
    this.#open(pem, (bio) => {
      for (let count = 0;; count++) {
        const certificate = ssl.PEM_read_bio_X509_AUX(bio, null, null, this.#password.pointer);
        if (addressOf(certificate) === 0) {
          const reason = takeReason(ssl);
          if (count > 0 && reason === NO_START_LINE) return;
          return fail(reason);
        }
        const taken = take(certificate);
        ssl.X509_free(certificate);
        if (taken !== 1) return fail(takeReason(ssl));
      }
    });
  }

  /** Lets `read` read the file from memory. */
  #open({ bytes }: Pem, read: (bio: Pointer) => void): void {
    const { ssl } = this;
    const copy = new Uint8Array(bytes);
    const bio = made(ssl, ssl.BIO_new(ssl.BIO_s_mem()), "BIO_new");
    try {
      ssl.BIO_write(bio, copy, copy.length);
      read(bio);
    } finally {
      ssl.BIO_free(bio);
    }
  }

  free(): void {
    this.ssl.BIO_free(this.input);
    this.ssl.BIO_free(this.output);
    this.ssl.SSL_CTX_free(this.context);
  }
}
