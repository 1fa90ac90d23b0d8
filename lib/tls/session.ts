/**
 * One end of a TLS connection, without I/O: ciphertext in, plaintext out, and the other way round.
 *
 * A session has no descriptor and never waits. Its owner hands on what arrives to `receive`; a sink gets,
 * from within the session's methods, what is to be sent, what was decrypted, and what became of it.
 */
import { cString, type Pointer } from "../sys/ffi.ts";
import { made, type OpenSsl, takeReason, textAt, verifyText } from "../sys/openssl.ts";
import { certificateOf, namesOf, type PeerCertificate, selectedProtocol } from "./certificate.ts";
import type { TlsContext } from "./context.ts";
import { handshakeError, TlsError } from "./errors.ts";
import { type Expectation, expectationOf } from "./expectation.ts";
import { RecordBoundaries } from "./records.ts";

// From openssl/ssl.h, bio.h, x509v3.h, x509_vfy.h of version 3.
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_WANT_WRITE = 3;
const SSL_ERROR_ZERO_RETURN = 6;
const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
const TLSEXT_NAMETYPE_HOST_NAME = 0;
/** No "*x.example.org"; names only where certificates have had them for twenty years, not in the subject. */
const X509_CHECK_FLAGS = 0x4 | 0x20;
const X509_V_OK = 0;
const X509_V_ERR_HOSTNAME_MISMATCH = 62;
const X509_V_ERR_IP_ADDRESS_MISMATCH = 64;
const BIO_CTRL_RESET = 1;

/** How much is encrypted before it is passed on: four records. */
const SLICE = 64 * 1024;
const MAX_RECORD = 16 * 1024;
/** Records in a row that bring no plaintext, such as requests for new keys; none needs as many. */
const MOST_IDLE_RECORDS = 32;

/** What a session says. Bytes are lent until the call returns. A sink may call the session back. */
export interface TlsSink {
  ciphertext(bytes: Uint8Array): void;
  /** The handshake is done, and on a client the certificate is as it must be. */
  secured(): void;
  plaintext(bytes: Uint8Array): void;
  /** The peer's close_notify: nothing more will come, but it may still read. */
  ended(): void;
  /** After `end`: close_notify was given to `ciphertext`, after all else. FIN may follow. */
  sent(): void;
  /** It is over; an alert that says so to the peer was given to `ciphertext`. Nothing follows. */
  failed(error: TlsError): void;
}

export interface TlsInfo {
  /** "TLSv1.3". */
  readonly version: string;
  /** "TLS_AES_256_GCM_SHA384". */
  readonly cipher: string;
  /** The protocol that the server has chosen of those offered (ALPN), or null. */
  readonly alpn: string | null;
  /** Null where the peer has shown none. */
  readonly certificate: PeerCertificate | null;
}

export class TlsSession {
  readonly #context: TlsContext;
  readonly #ssl: OpenSsl;
  readonly #sink: TlsSink;
  readonly #handle: Pointer;
  readonly #expected: Expectation | undefined;
  readonly #records = new RecordBoundaries();
  #handshaking = true;
  #over = false;
  #freed = false;

  /** @throws TlsError when `serverName` can't be expected: nothing may be sent to a peer unchecked */
  constructor(context: TlsContext, sink: TlsSink, serverName: string | undefined) {
    const { ssl } = context;
    this.#context = context;
    this.#ssl = ssl;
    this.#sink = sink;
    this.#expected = serverName === undefined ? undefined : expectationOf(serverName);
    this.#handle = made(ssl, ssl.SSL_new(context.context), "SSL_new");
    ssl.BIO_up_ref(context.input);
    ssl.BIO_up_ref(context.output);
    ssl.SSL_set_bio(this.#handle, context.input, context.output);
    if (context.server) {
      ssl.SSL_set_accept_state(this.#handle);
      return;
    }
    ssl.SSL_set_connect_state(this.#handle);
    try {
      this.#expect();
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Names the server that is meant (SNI), and has its certificate checked for that name. */
  #expect(): void {
    const ssl = this.#ssl;
    const { verify } = this.#context;
    const expected = this.#expected;
    if (!expected) {
      if (verify) throw new TlsError("TLS_CERTIFICATE", "no name to look for in it was given");
      return;
    }
    const text = cString(expected.name);
    const must = (result: number, call: string) => {
      if (result === 1) return;
      const reason = takeReason(ssl) || `${call} failed`;
      throw new TlsError("TLS_CERTIFICATE", `can't look for "${expected.name}" in it: ${reason}`);
    };
    if (expected.kind === "address") {
      // SNI is for names only (RFC 6066, 3).
      if (!verify) return;
      const parameters = ssl.SSL_get0_param(this.#handle);
      must(ssl.X509_VERIFY_PARAM_set1_ip_asc(parameters, text), "X509_VERIFY_PARAM_set1_ip_asc");
      return;
    }
    const sni = SSL_CTRL_SET_TLSEXT_HOSTNAME;
    must(
      ssl.SSL_ctrl(this.#handle, sni, TLSEXT_NAMETYPE_HOST_NAME, text),
      "SSL_set_tlsext_host_name",
    );
    if (!verify) return;
    ssl.SSL_set_hostflags(this.#handle, X509_CHECK_FLAGS);
    must(ssl.SSL_set1_host(this.#handle, text), "SSL_set1_host");
  }

  /** Begins the handshake: a client has something to say at once. */
  start(): void {
    if (!this.#context.server) this.#handshake();
  }

  receive(ciphertext: Uint8Array): void {
    if (this.#over) return;
    const ssl = this.#ssl;
    const { input } = this.#context;
    for (let at = 0; at < ciphertext.length && !this.#over;) {
      const end = this.#records.next(ciphertext, at, MOST_IDLE_RECORDS);
      const all = at === 0 && end === ciphertext.length;
      this.#take(all ? ciphertext : ciphertext.subarray(at, end));
      at = end;
    }
    // A session that ended half-way leaves nothing for the next one to take for its own.
    if (this.#over && ssl.BIO_ctrl_pending(input) > 0) ssl.BIO_ctrl(input, BIO_CTRL_RESET, 0, null);
  }

  #take(records: Uint8Array): void {
    const { input } = this.#context;
    if (this.#ssl.BIO_write(input, records, records.length) !== records.length) this.#fail();
    else if (!this.#handshaking || this.#handshake()) this.#read();
  }

  /** Goes on with the handshake; true when it is done and plaintext may follow. */
  #handshake(): boolean {
    const ssl = this.#ssl;
    const result = ssl.SSL_do_handshake(this.#handle);
    if (result === 1) {
      // The library has refused a certificate that is not as expected; this is the second look at the door.
      if (this.#context.verify && ssl.SSL_get_verify_result(this.#handle) !== X509_V_OK) {
        this.#fail();
        return false;
      }
      this.#handshaking = false;
      this.#records.begun = 0;
      this.#flush();
      this.#sink.secured();
      return !this.#over;
    }
    const error = ssl.SSL_get_error(this.#handle, result);
    if (error === SSL_ERROR_WANT_READ || error === SSL_ERROR_WANT_WRITE) this.#flush();
    else this.#fail();
    return false;
  }

  #read(): void {
    const ssl = this.#ssl;
    const handle = this.#handle;
    const { input, plain } = this.#context;
    let filled = 0;
    let ended = false;
    let idle = true;
    for (;;) {
      const room = plain.length - filled;
      const count = filled === 0
        ? ssl.SSL_read(handle, plain.pointer, room)
        : ssl.SSL_readBytes(handle, plain.bytes.subarray(filled), room);
      if (count > 0) {
        filled += count;
        idle = false;
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
    if (!idle) this.#records.begun = 0;
    else if (this.#records.begun >= MOST_IDLE_RECORDS) {
      return this.#give(new TlsError("TLS_PROTOCOL", "too many records without content"));
    }
    if (filled > 0) this.#sink.plaintext(plain.bytes.subarray(0, filled));
    if (ended && !this.#over) this.#sink.ended();
  }

  /** Encrypts; only once secured. */
  send(plaintext: Uint8Array): void {
    for (let at = 0; at < plaintext.length && !this.#over; at += SLICE) {
      const slice = plaintext.length <= SLICE ? plaintext : plaintext.subarray(at, at + SLICE);
      // Into memory all of it is taken, or the session is broken.
      if (this.#ssl.SSL_write(this.#handle, slice, slice.length) !== slice.length) this.#fail();
      else this.#flush();
    }
  }

  /** Says close_notify after all that was sent. */
  end(): void {
    if (this.#over || this.#handshaking) return;
    this.#ssl.SSL_shutdown(this.#handle);
    this.#ssl.ERR_clear_error();
    this.#flush();
    this.#sink.sent();
  }

  /** What was agreed on; only once secured, and before `free`. */
  get info(): TlsInfo {
    const ssl = this.#ssl;
    return {
      version: textAt(ssl.SSL_get_version(this.#handle)) ?? "",
      cipher: textAt(ssl.SSL_CIPHER_get_name(ssl.SSL_get_current_cipher(this.#handle))) ?? "",
      alpn: selectedProtocol(ssl, this.#handle),
      certificate: certificateOf(ssl, this.#handle),
    };
  }

  /** Gives back its memory. No call may follow; the sink is called no more. */
  free(): void {
    if (this.#freed) return;
    this.#freed = this.#over = true;
    this.#ssl.SSL_free(this.#handle);
  }

  /** Gives the sink all that is to be sent. */
  #flush(): void {
    const { cipher, output } = this.#context;
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
    const verdict = this.#context.verify ? ssl.SSL_get_verify_result(this.#handle) : X509_V_OK;
    const reason = takeReason(ssl);
    if (!this.#handshaking) return new TlsError("TLS_PROTOCOL", reason || "unknown reason");
    if (verdict === X509_V_OK) return handshakeError(reason || "unknown reason");
    const wrongName = verdict === X509_V_ERR_HOSTNAME_MISMATCH ||
      verdict === X509_V_ERR_IP_ADDRESS_MISMATCH;
    const words = verifyText(ssl, verdict);
    return new TlsError("TLS_CERTIFICATE", wrongName ? this.#wrongName() ?? words : words);
  }

  /** "it is for a.example and b.example, not for c.example". */
  #wrongName(): string | undefined {
    const certificate = certificateOf(this.#ssl, this.#handle);
    if (!certificate || !this.#expected) return undefined;
    return `it is for ${namesOf(certificate)}, not for ${this.#expected.name}`;
  }

  #give(error: TlsError): void {
    this.#flush(); // the alert
    this.#over = true;
    this.#sink.failed(error);
  }
}
