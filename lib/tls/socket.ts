/** TLS over a non-blocking socket, for a loop of one's own: recv and send as a Socket has them. */
import { type Socket, WOULD_BLOCK } from "../net/mod.ts";
import { type TlsError, truncated } from "./errors.ts";
import type { TlsEndpoint, TlsSession, TlsSink } from "./session.ts";

const CHUNK = 64 * 1024;
/** How long nothing must come until both ways end, where one alone can't. */
const SILENCE_MS = 1000;

/** A list of bytes that is filled at one end and emptied at the other. */
class Bytes {
  readonly #chunks: Uint8Array[] = [];
  length = 0;

  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes.slice()); // lent
    this.length += bytes.length;
  }
  get first(): Uint8Array | undefined {
    return this.#chunks[0];
  }
  clear(): void {
    this.#chunks.length = this.length = 0;
  }
  drop(count: number): void {
    const first = this.#chunks[0]!;
    if (count === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
    this.length -= count;
  }
}

/** A connection to a server, from the handshake on. It owns its socket and its endpoint. */
export class TlsSocket implements TlsSink {
  readonly #socket: Socket;
  readonly #endpoint: TlsEndpoint;
  readonly #session: TlsSession;
  readonly #raw = new Uint8Array(new ArrayBuffer(CHUNK));
  readonly #incoming = new Bytes();
  readonly #outgoing = new Bytes();
  #isSecured = false;
  /** close_notify has come. */
  #ended = false;
  /** The socket has nothing more to give: FIN, which is right only after close_notify. */
  #finished = false;
  /** close_notify was said: FIN goes out when all before it has. */
  #finWanted = false;
  #saidGoodbye = false;
  #error: TlsError | undefined;
  /** When something was last received. */
  #heardAt = 0;

  constructor(socket: Socket, endpoint: TlsEndpoint, serverName: string) {
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
    return this.#incoming.length > 0 || this.#ended || this.#error !== undefined;
  }

  /** For node:tls, which works in turns of the event loop: what is under way; undefined for OpenSSL. */
  settle(): Promise<void> | undefined {
    return this.#endpoint.asynchronous ? this.#endpoint.settled() : undefined;
  }

  /**
   * The number of bytes received, 0 after the peer's close_notify, or WOULD_BLOCK.
   *
   * @throws TlsError; OSError
   */
  recv(buffer: Uint8Array): number {
    if (this.#incoming.length === 0) this.take();
    const first = this.#incoming.first;
    if (first) {
      const count = Math.min(first.length, buffer.length);
      buffer.set(first.subarray(0, count));
      this.#incoming.drop(count);
      return count;
    }
    if (this.#ended) return 0;
    if (this.#error) throw this.#error;
    return WOULD_BLOCK;
  }

  /** Receives what the socket has, and goes on with the handshake. */
  take(): void {
    if (this.#finished || this.#ended || this.#error) return;
    const received = this.#socket.recv(this.#raw);
    if (received > 0) this.#heardAt = performance.now();
    if (received > 0) this.#session.receive(this.#raw.subarray(0, received));
    if (received === 0) {
      this.#finished = true;
      // What node:tls has not decrypted yet comes before that.
      const settled = this.settle();
      if (settled) void settled.then(() => this.#finish());
      else this.#finish();
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

  #finish(): void {
    if (!this.#ended) this.#error ??= truncated(!this.#isSecured);
  }

  /** The number of bytes taken, or WOULD_BLOCK while some taken before wait for the socket. */
  send(buffer: Uint8Array, offset: number, length: number): number {
    this.flush();
    if (!this.#isSecured || this.hasOutgoing || this.#error) return WOULD_BLOCK;
    this.#session.send(buffer.subarray(offset, offset + length));
    this.flush();
    return length;
  }

  /** Sends what the socket takes now. */
  flush(): void {
    for (let first = this.#outgoing.first; first; first = this.#outgoing.first) {
      const sent = this.#socket.send(first);
      if (sent === WOULD_BLOCK) return;
      this.#outgoing.drop(sent);
    }
    if (!this.#finWanted) return;
    this.#finWanted = false;
    this.#socket.shutdown("write");
  }

  /** Says close_notify, and FIN as soon as all before it is sent. */
  shutdown(_how: "write"): void {
    if (!this.#session.halfClose && !this.#ended) return this.#endWhenSilent();
    this.#session.end();
    if (!this.#endpoint.asynchronous) this.flush();
  }

  /** The next best thing to half-closing: both ways end when nothing has come for a while. */
  #endWhenSilent(): void {
    this.#heardAt = performance.now();
    const look = () => {
      const silent = performance.now() - this.#heardAt;
      if (silent >= SILENCE_MS) this.#ended = true;
      else setTimeout(look, SILENCE_MS - silent);
    };
    setTimeout(look, SILENCE_MS);
  }

  /** With node:tls: says close_notify, if that was not done, and waits for it to be on its way. */
  async goodbye(): Promise<void> {
    if (!this.#endpoint.asynchronous || !this.#isSecured || this.#error) return;
    if (!this.#saidGoodbye) this.#session.end();
    const deadline = performance.now() + SILENCE_MS;
    while (!this.#saidGoodbye && performance.now() < deadline) await this.#endpoint.settled();
  }

  /** Says goodbye as well as it can now, and closes. */
  [Symbol.dispose](): void {
    try {
      if (this.#isSecured && !this.#error && !this.#saidGoodbye) this.#session.end();
      this.flush();
    } catch {
      // The peer is gone.
    }
    this.#session.free();
    this.#endpoint.free();
    this.#socket.close();
  }

  // What the session tells:

  ciphertext(bytes: Uint8Array): void {
    this.#outgoing.push(bytes);
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
    this.#finWanted = this.#saidGoodbye = true;
    if (this.#endpoint.asynchronous) this.#tryToFlush();
  }
  failed(error: TlsError): void {
    this.#error ??= error;
  }
}
