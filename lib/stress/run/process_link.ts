/** Talk between the processes of a run: objects as lines of JSON, over a Unix socket. */
import { type OSError, type Socket, WOULD_BLOCK } from "../../net/mod.ts";

/** What a process of a run is told. */
export type ToProcess =
  /** Connect; `settings` are those of its part. */
  | { readonly type: "begin"; readonly settings: unknown }
  /** All are connected: send. */
  | { readonly type: "go" }
  /** End early. */
  | { readonly type: "stop" };

/** How often room to send is looked for; messages are small, and mostly there is some. */
const RETRY_MS = 1;
const GONE = new Set(["EPIPE", "ECONNRESET", "ENOTCONN"]);

/** One end of it. */
export class Link<Incoming, Outgoing> {
  readonly socket: Socket;
  readonly #buffer = new Uint8Array(new ArrayBuffer(64 * 1024));
  readonly #decoder = new TextDecoder();
  #text = "";
  #sending: Promise<void> = Promise.resolve();
  #closed = false;

  /** Takes over the socket, and makes it non-blocking. */
  constructor(socket: Socket) {
    socket.setBlocking(false);
    this.socket = socket;
  }

  /** Sends a message after those before it. Resolves also when the other side is gone. */
  send(message: Outgoing): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(message) + "\n");
    return this.#sending = this.#sending.then(() => this.#write(bytes));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#closed;) {
      let sent: number;
      try {
        sent = this.socket.send(bytes, at);
      } catch (error) {
        if (GONE.has((error as OSError).code)) return; // `take` tells
        throw error;
      }
      if (sent === WOULD_BLOCK) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      else at += sent;
    }
  }

  /** The messages that have arrived; the last one is null when no more will. */
  take(): (Incoming | null)[] {
    const messages: (Incoming | null)[] = [];
    for (;;) {
      const received = this.#receive();
      if (received === WOULD_BLOCK) return messages;
      if (received === 0) return [...messages, null];
      this.#text += this.#decoder.decode(this.#buffer.subarray(0, received), { stream: true });
      const lines = this.#text.split("\n");
      this.#text = lines.pop()!;
      for (const line of lines) messages.push(JSON.parse(line));
    }
  }

  #receive(): number {
    try {
      return this.socket.recv(this.#buffer);
    } catch (error) {
      if (GONE.has((error as OSError).code)) return 0;
      throw error;
    }
  }

  /** Closes this end. */
  close(): void {
    this.#closed = true;
    this.socket.close();
  }
}
