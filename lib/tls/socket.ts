/** TLS over a non-blocking socket, for a loop of one's own: recv and send as a Socket has them. */
import { OutputQueue } from "../engine/queue.ts";
import { type Socket, WOULD_BLOCK } from "../net/mod.ts";
import { type TlsError, truncated } from "./errors.ts";
import type { TlsEndpoint } from "./endpoint.ts";
import type { TlsInfo, TlsSession, TlsSink } from "./session.ts";

const CHUNK = 64 * 1024;

/** A connection, from the handshake on: to a server of a name, or accepted by one. It owns its socket and its endpoint. */
export class TlsSocket implements TlsSink {
  readonly #socket: Socket;
  readonly #endpoint: TlsEndpoint;
  readonly #session: TlsSession;
  readonly #raw = new Uint8Array(new ArrayBuffer(CHUNK));
  readonly #incoming = new OutputQueue();
  readonly #outgoing = new OutputQueue();
  /** Bytes of all records that were made so far, whether the socket has taken them or not. */
  writtenBytes = 0;
  #isSecured = false;
  #ended = false;
  /** The socket has nothing more to give: FIN, which is right only after close_notify. */
  #finished = false;
  /** close_notify was said: FIN goes out when all before it has. */
  #finWanted = false;
  #closeNotified = false;
  #error: TlsError | undefined;
  /** FIN came without close_notify: for who receives an error, while sending goes on. */
  #truncation: TlsError | undefined;

  constructor(socket: Socket, endpoint: TlsEndpoint, serverName: string | undefined) {
    this.#socket = socket;
    this.#endpoint = endpoint;
    this.#session = endpoint.session(this, serverName);
    this.#session.start();
    this.flush();
  }

  fileno(): number {
    return this.#socket.fileno();
  }

  /** The handshake is done. @throws TlsError when it has failed */
  get isSecured(): boolean {
    if (this.#error) throw this.#error;
    return this.#isSecured;
  }

  /** Something waits for the socket to take it. */
  get hasOutgoing(): boolean {
    return this.#outgoing.length > 0;
  }

  /** `recv` has an answer, whether the socket is ready or not. */
  get hasIncoming(): boolean {
    const over = this.#ended || (this.#error ?? this.#truncation) !== undefined;
    return this.#incoming.length > 0 || over;
  }

  /** What was agreed on in the handshake; only once secured. */
  get info(): TlsInfo {
    return this.#session.info;
  }

  /**
   * The number of bytes received, 0 after the peer's close_notify, or WOULD_BLOCK.
   *
   * @throws TlsError; OSError
   */
  recv(buffer: Uint8Array): number {
    if (this.#incoming.length === 0) this.take();
    if (this.#incoming.length > 0) {
      const bytes = this.#incoming.peek().subarray(0, buffer.length);
      buffer.set(bytes);
      this.#incoming.consume(bytes.length);
      return bytes.length;
    }
    if (this.#ended) return 0;
    const error = this.#error ?? this.#truncation;
    if (error) throw error;
    return WOULD_BLOCK;
  }

  /** Receives what the socket has, and goes on with the handshake. */
  take(): void {
    if (this.#finished || this.#ended || this.#error) return;
    const received = this.#socket.recv(this.#raw);
    if (received > 0) this.#session.receive(this.#raw.subarray(0, received));
    if (received === 0) {
      this.#finished = true;
      if (this.#isSecured && !this.#ended) this.#truncation = truncated(false);
      else if (!this.#ended) this.#error ??= truncated(true);
    }
    this.#tryToFlush();
  }

  /** As `flush`, where a peer that takes nothing more is no reason not to read its last words. */
  #tryToFlush(): void {
    try {
      this.flush();
    } catch {
      this.#outgoing.clear();
    }
  }

  /**
   * The number of bytes taken, or WOULD_BLOCK while some taken before wait for the socket.
   *
   * @throws TlsError once TLS has failed, as nothing will ever be taken any more; OSError
   */
  send(buffer: Uint8Array, offset: number, length: number): number {
    this.flush();
    if (this.#error) throw this.#error;
    if (!this.#isSecured || this.hasOutgoing) return WOULD_BLOCK;
    this.#session.send(buffer.subarray(offset, offset + length));
    this.flush();
    return length;
  }

  flush(): void {
    while (this.#outgoing.length > 0) {
      const sent = this.#socket.send(this.#outgoing.peek());
      if (sent === WOULD_BLOCK) return;
      this.#outgoing.consume(sent);
    }
    if (!this.#finWanted) return;
    this.#finWanted = false;
    this.#socket.shutdown("write");
  }

  /** Says close_notify, and FIN as soon as all before it is sent. */
  shutdown(_how: "write"): void {
    this.#session.end();
    this.flush();
  }

  /** Says close_notify, if that was not done, sends what the socket takes now, and closes. */
  [Symbol.dispose](): void {
    try {
      if (this.#isSecured && !this.#error && !this.#closeNotified) this.#session.end();
      this.flush();
    } catch {
      // The peer is gone.
    }
    this.#session.free();
    this.#endpoint.free();
    this.#socket.close();
  }

  // From the session:

  ciphertext(bytes: Uint8Array): void {
    this.#outgoing.push(bytes);
    this.writtenBytes += bytes.length;
  }
  secured(): void {
    this.#isSecured = true;
  }
  plaintext(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }
  ended(): void {
    this.#ended = true;
  }
  sent(): void {
    this.#finWanted = this.#closeNotified = true;
  }
  failed(error: TlsError): void {
    this.#error ??= error;
  }
}
