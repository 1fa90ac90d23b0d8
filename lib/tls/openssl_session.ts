/** One end of a TLS connection over OpenSSL, with memory BIOs: nothing here touches a descriptor. */
import { cText, made, type OpenSsl, takeReason, verifyText } from "../sys/openssl.ts";
import type { Pointer } from "../sys/ffi.ts";
import { handshakeError, TlsError } from "./errors.ts";
import type { OpenSslEndpoint } from "./openssl.ts";
import { isIpAddress, type TlsSession, type TlsSink } from "./session.ts";

// From openssl/ssl.h, bio.h, x509v3.h of version 3.
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_WANT_WRITE = 3;
const SSL_ERROR_ZERO_RETURN = 6;
const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
const TLSEXT_NAMETYPE_HOST_NAME = 0;
/** No "*x.example.org"; names only where certificates have had them for twenty years, not in the subject. */
const X509_CHECK_FLAGS = 0x4 | 0x20;
const X509_V_OK = 0;
const BIO_CTRL_RESET = 1;

/** How much is encrypted before it is passed on: four records. */
const SLICE = 64 * 1024;
const MAX_RECORD = 16 * 1024;

/** A session of an endpoint. */
export class OpenSslSession implements TlsSession {
  readonly #endpoint: OpenSslEndpoint;
  readonly #ssl: OpenSsl;
  readonly #sink: TlsSink;
  readonly #handle: Pointer;
  #handshaking = true;
  readonly halfClose = true;
  #over = false;
  #freed = false;

  constructor(endpoint: OpenSslEndpoint, sink: TlsSink, serverName: string | undefined) {
    const { ssl } = endpoint;
    this.#endpoint = endpoint;
    this.#ssl = ssl;
    this.#sink = sink;
    this.#handle = made(ssl, ssl.SSL_new(endpoint.context), "SSL_new");
    ssl.BIO_up_ref(endpoint.input);
    ssl.BIO_up_ref(endpoint.output);
    ssl.SSL_set_bio(this.#handle, endpoint.input, endpoint.output);
    if (endpoint.server) ssl.SSL_set_accept_state(this.#handle);
    else {
      ssl.SSL_set_connect_state(this.#handle);
      if (serverName !== undefined) this.#expect(serverName);
    }
  }

  /** Tells the server which name is meant, and checks that its certificate is for that. */
  #expect(serverName: string): void {
    const ssl = this.#ssl;
    const text = cText(serverName.replace(/\.$/, ""));
    const { verify } = this.#endpoint;
    if (isIpAddress(serverName)) {
      // SNI is for names only (RFC 6066, 3).
      if (verify) ssl.X509_VERIFY_PARAM_set1_ip_asc(ssl.SSL_get0_param(this.#handle), text);
      return;
    }
    ssl.SSL_ctrl(this.#handle, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_HOST_NAME, text);
    if (!verify) return;
    ssl.SSL_set_hostflags(this.#handle, X509_CHECK_FLAGS);
    ssl.SSL_set1_host(this.#handle, text);
  }

  start(): void {
    if (!this.#endpoint.server) this.#handshake();
  }

  receive(ciphertext: Uint8Array): void {
    if (this.#over) return;
    const ssl = this.#ssl;
    const { input } = this.#endpoint;
    ssl.BIO_write(input, ciphertext, ciphertext.length);
    if (!this.#handshaking || this.#handshake()) this.#read();
    // A session that ended half-way leaves nothing for the next one to take for its own.
    if (this.#over && ssl.BIO_ctrl_pending(input) > 0) ssl.BIO_ctrl(input, BIO_CTRL_RESET, 0, null);
  }

  /** Goes on with the handshake; true when it is done and plaintext may follow. */
  #handshake(): boolean {
    const result = this.#ssl.SSL_do_handshake(this.#handle);
    if (result === 1) {
      this.#handshaking = false;
      this.#flush();
      this.#sink.secured();
      return !this.#over;
    }
    const error = this.#ssl.SSL_get_error(this.#handle, result);
    if (error === SSL_ERROR_WANT_READ || error === SSL_ERROR_WANT_WRITE) this.#flush();
    else this.#fail();
    return false;
  }

  #read(): void {
    const ssl = this.#ssl;
    const handle = this.#handle;
    const { input, plain } = this.#endpoint;
    let filled = 0;
    let ended = false;
    for (;;) {
      const room = plain.length - filled;
      const count = filled === 0
        ? ssl.SSL_read(handle, plain.pointer, room)
        : ssl.SSL_readBytes(handle, plain.bytes.subarray(filled), room);
      if (count > 0) {
        filled += count;
        if (ssl.BIO_ctrl_pending(input) === 0 && count < room) break;
        if (plain.length - filled < MAX_RECORD) {
          this.#sink.plaintext(plain.bytes.subarray(0, filled));
          if (this.#over) return;
          filled = 0;
        }
        continue;
      }
      const error = ssl.SSL_get_error(handle, count);
      if (error === SSL_ERROR_ZERO_RETURN) ended = true;
      else if (error !== SSL_ERROR_WANT_READ && error !== SSL_ERROR_WANT_WRITE) {
        // What came before the failure is in order, and is passed on first.
        const failure = this.#failure();
        if (filled > 0) this.#sink.plaintext(plain.bytes.subarray(0, filled));
        return this.#over ? undefined : this.#give(failure);
      }
      break;
    }
    this.#flush(); // such as the answer to a new key
    if (filled > 0) this.#sink.plaintext(plain.bytes.subarray(0, filled));
    if (ended && !this.#over) this.#sink.ended();
  }

  send(plaintext: Uint8Array): void {
    for (let at = 0; at < plaintext.length && !this.#over; at += SLICE) {
      const slice = plaintext.length <= SLICE ? plaintext : plaintext.subarray(at, at + SLICE);
      // Into memory all of it is taken, or the session is broken.
      if (this.#ssl.SSL_write(this.#handle, slice, slice.length) !== slice.length) this.#fail();
      else this.#flush();
    }
  }

  end(): void {
    if (this.#over || this.#handshaking) return;
    this.#ssl.SSL_shutdown(this.#handle);
    this.#ssl.ERR_clear_error();
    this.#flush();
    this.#sink.sent();
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = this.#over = true;
    this.#ssl.SSL_free(this.#handle);
  }

  /** Gives the sink all that is to be sent. */
  #flush(): void {
    const { cipher, output } = this.#endpoint;
    for (;;) {
      const count = this.#ssl.BIO_read(output, cipher.pointer, cipher.length);
      if (count <= 0) return;
      if (!this.#freed) this.#sink.ciphertext(cipher.bytes.subarray(0, count));
      if (count < cipher.length) return;
    }
  }

  #fail(): void {
    this.#give(this.#failure());
  }

  /** Takes the reason while it is there: the next call on this thread may replace it. */
  #failure(): TlsError {
    const ssl = this.#ssl;
    const verdict = this.#endpoint.verify ? ssl.SSL_get_verify_result(this.#handle) : X509_V_OK;
    const reason = takeReason(ssl);
    if (!this.#handshaking) return new TlsError("TLS_PROTOCOL", reason || "unknown reason");
    if (verdict !== X509_V_OK) return new TlsError("TLS_CERTIFICATE", verifyText(ssl, verdict));
    return handshakeError(reason || "unknown reason");
  }

  #give(error: TlsError): void {
    this.#flush(); // the alert
    this.#over = true;
    this.#sink.failed(error);
  }
}
