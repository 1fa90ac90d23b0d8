// The other end of a client's connection: it does one thing after the other, exactly when it is told to,
// over TCP, a Unix socket or TLS.
import { Socket, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { POLLIN } from "../../lib/sys/constants.ts";
import { pollFor } from "../../lib/sys/poll.ts";
import { unreadBytes } from "../../lib/sys/socket/sockets.ts";
import { readIdentity } from "../../lib/tls/credentials.ts";
import { tlsServer, TlsSocket } from "../../lib/tls/mod.ts";
import { TempDir } from "../support/files.ts";
import { sleep } from "../support/waiting.ts";
import { Certificates } from "../tls/certificates.ts";

export type Transport = "tcp" | "unix" | "tls";

/** How long a client may take for what it does at last. */
export const PATIENCE_MS = 25_000;
const buffer = new Uint8Array(new ArrayBuffer(1 << 18));

let certificates: Certificates | undefined;
let identity: ReturnType<Certificates["identity"]> | undefined;

/** Certificates are made once, and vanish with the process. */
function trusted(): { ca: string; identity: { cert: string; key: string } } {
  certificates ??= new Certificates();
  identity ??= certificates.identity();
  return { ca: certificates.ca, identity };
}

/** What is said of a client that has gone. */
const GONE = new Set(["EPIPE", "ECONNRESET", "ENOTCONN"]);

/** A listener of one of the transports. */
export class FarEnd implements Disposable {
  readonly #transport: Transport;
  readonly #folder = new TempDir();
  readonly #listener: Socket;
  #connection: Connection | undefined;

  constructor(transport: Transport = "tcp") {
    this.#transport = transport;
    this.#listener = Socket.listen(
      transport === "unix" ? { path: this.#folder.file("s") } : { host: "127.0.0.1" },
    );
  }

  /** Of TCP. */
  get port(): number {
    return this.#listener.port;
  }

  /** The arguments with which iomux client comes here. */
  get target(): string[] {
    if (this.#transport === "unix") return ["--unix", this.#folder.file("s")];
    if (this.#transport === "tcp") return [`127.0.0.1:${this.port}`];
    return [`localhost:${this.port}`, "--tls", "--tls-ca", trusted().ca, "-4"];
  }

  /** `said` is what the client has said, for a failure. */
  async accept(said: () => string): Promise<Connection> {
    for (const deadline = performance.now() + PATIENCE_MS;; await sleep(2)) {
      const socket = this.#listener.accept();
      if (!socket) {
        if (performance.now() > deadline) throw new Error(`no client has connected: ${said()}`);
        continue;
      }
      this.#connection = new Connection(socket, this.#transport === "tls");
      await this.#connection.ready();
      return this.#connection;
    }
  }

  [Symbol.dispose](): void {
    this.#connection?.close();
    this.#listener.close();
    this.#folder[Symbol.dispose]();
  }
}

/** A connection, seen from its far end. */
export class Connection {
  readonly #raw: Socket;
  readonly #tls: TlsSocket | undefined;
  readonly #socket: Pick<Socket, "recv" | "send" | "shutdown">;
  /** Bytes that were read. */
  got = 0;
  /** The first of them, as text. */
  text = "";
  /** How the client's direction ended. */
  ended: "FIN" | "reset" | undefined;

  constructor(raw: Socket, tls: boolean) {
    this.#raw = raw;
    if (tls) {
      const { cert, key } = trusted().identity;
      this.#tls = new TlsSocket(raw, tlsServer(readIdentity(cert, key)), undefined);
    }
    this.#socket = this.#tls ?? raw;
  }

  /** The handshake is done. It is read byte by byte, so that what follows it stays unread. */
  async ready(): Promise<void> {
    const raw: { recv?: Socket["recv"] } = this.#raw;
    raw.recv = (buffer) =>
      Socket.prototype.recv.call(this.#raw, (buffer as Uint8Array).subarray(0, 1));
    while (this.#tls && !this.#tls.isSecured) {
      this.#tls.take();
      this.#tls.flush();
      if (unreadBytes(this.#raw.fileno()) === 0) await sleep(1);
    }
    delete raw.recv;
  }

  /** There is nothing more to read. */
  get over(): boolean {
    return this.ended !== undefined || this.#raw.fileno() < 0;
  }

  /** Reads what is there, or at least so much of it; false at the end. */
  #read(enough: number): boolean {
    if (this.over) return false;
    for (;;) {
      let count: number;
      try {
        count = this.#socket.recv(buffer);
      } catch {
        this.ended = "reset";
        return false;
      }
      if (count === 0) this.ended = "FIN";
      if (count === 0 || count === WOULD_BLOCK) return count !== 0;
      if (this.text.length < 64) this.text += Buffer.from(buffer.subarray(0, count)).toString();
      this.got += count;
      if (this.got >= enough) return true;
    }
  }

  /** Something has come, and is left unread. */
  async unread(): Promise<void> {
    while (pollFor(this.#raw.fileno(), POLLIN, 0) === 0) await sleep(2);
  }

  /** What its kernel has taken, once that is no more any longer: with TLS in records. Nothing is read. */
  async full(): Promise<number> {
    for (let last = 0;; await sleep(500)) { // a client that is short of the processor may begin late
      const now = unreadBytes(this.#raw.fileno());
      if (now > 0 && now === last) return now;
      last = now;
    }
  }

  /** Reads for so long, or until the client's end, or until so much has come. */
  async read(forMs: number, enough = Infinity): Promise<void> {
    const deadline = performance.now() + forMs;
    while (performance.now() < deadline && this.#read(enough) && this.got < enough) await sleep(2);
  }

  /** Sends all of it, or what a client takes that goes away meanwhile. */
  async send(bytes: string | Uint8Array): Promise<void> {
    try {
      await this.#send(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
    } catch (error) {
      if (!GONE.has((error as { code: string }).code)) throw error;
    }
  }
  async #send(all: Uint8Array): Promise<void> {
    for (let at = 0; at < all.length;) {
      const sent = this.#socket.send(all, at, all.length - at);
      if (sent > 0) at += sent;
      else await sleep(1);
    }
    while (this.#tls?.hasOutgoing) {
      this.#tls.flush();
      await sleep(1);
    }
  }

  /** Sends FIN, and goes on reading. */
  halfClose(): void {
    try {
      this.#socket.shutdown("write");
    } catch (error) {
      if (!GONE.has((error as { code: string }).code)) throw error;
    }
  }
  /** The same without close_notify, which TLS wants before it. */
  truncate(): void {
    this.#raw.shutdown("write");
  }
  /** Sends what is no record of TLS. */
  spoil(): void {
    this.#raw.send(new Uint8Array(100).fill(255));
  }
  reset(): void {
    this.#raw.setLinger(0);
    this.#raw.close();
  }
  /** Closes for good. */
  close(): void {
    if (this.#raw.fileno() < 0) return;
    if (this.#tls) this.#tls[Symbol.dispose]();
    else this.#raw.close();
  }
}
