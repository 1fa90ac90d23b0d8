// A client of a server under test, on the library's own socket: it reads exactly when it is told to, and
// it can reset, half-close and stall, all of which the runtimes' sockets do in ways of their own.
import { type ConnectOptions, type OSError, Socket } from "../../lib/net/mod.ts";
import { sleep } from "./waiting.ts";

const PATIENCE_MS = 20_000;
const buffer = new Uint8Array(new ArrayBuffer(1 << 18));

export const bytesOf = (data: string | Uint8Array): Uint8Array =>
  typeof data === "string" ? new TextEncoder().encode(data) : data;

export class Peer implements Disposable {
  readonly socket: Socket;
  /** Of the server's FIN. */
  ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Connects to 127.0.0.1, or where the options say; a running server will do. */
  static dial({ host, port, path, bind, timeoutMs = 5000 }: ConnectOptions): Peer {
    return new Peer(Socket.connect({ host, port, path, bind, timeoutMs }));
  }

  /** Sends what the kernel takes now; returns how many bytes. */
  trySend(bytes: Uint8Array): number {
    return Math.max(0, this.socket.send(bytes));
  }

  /** Sends all of it, however long the server lets it wait. */
  async send(data: string | Uint8Array, withinMs = PATIENCE_MS): Promise<void> {
    const bytes = bytesOf(data);
    const deadline = performance.now() + withinMs;
    for (let at = 0; at < bytes.length;) {
      const sent = this.socket.send(bytes, at);
      if (sent > 0) at += sent;
      else if (performance.now() > deadline) throw new Error(`stuck after ${at} bytes`);
      else await sleep(1);
    }
  }

  /** What has arrived by now; empty when nothing has. */
  tryRead(): Uint8Array {
    const received = this.ended ? 0 : this.socket.recv(buffer);
    if (received === 0) this.ended = true;
    return buffer.slice(0, Math.max(0, received));
  }

  /** Reads `length` bytes, or fewer when the server ends before. */
  async read(length: number, withinMs = PATIENCE_MS): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const deadline = performance.now() + withinMs;
    for (let left = length; left > 0 && !this.ended;) {
      const received = this.socket.recv(buffer.subarray(0, Math.min(left, buffer.length)));
      if (received === 0) this.ended = true;
      else if (received > 0) {
        parts.push(buffer.slice(0, received));
        left -= received;
      } else if (performance.now() > deadline) {
        throw new Error(`only ${length - left} of ${length} bytes within ${withinMs} ms`);
      } else await sleep(1);
    }
    return Buffer.concat(parts);
  }

  async text(length: number): Promise<string> {
    return new TextDecoder().decode(await this.read(length));
  }

  /** Reads until the server ends; fails when it does not in time. */
  readToEnd(withinMs = PATIENCE_MS): Promise<Uint8Array> {
    return this.read(Number.MAX_SAFE_INTEGER, withinMs);
  }

  /** Whether the server has closed or reset the connection, by now or within the time. */
  async isOver(withinMs = PATIENCE_MS): Promise<boolean> {
    for (const deadline = performance.now() + withinMs;; await sleep(2)) {
      try {
        this.tryRead();
      } catch {
        return true;
      }
      if (this.ended) return true;
      if (performance.now() > deadline) return false;
    }
  }

  /** Sends `chunk` again and again until the kernel has taken nothing for `calmMs`; how much it took. */
  async flood(chunk: Uint8Array, calmMs = 150, limit = Infinity): Promise<number> {
    let taken = 0;
    for (let calm = performance.now(); performance.now() - calm < calmMs && taken < limit;) {
      // From where it was left, so that the server sees the chunk repeated, byte for byte.
      const sent = this.trySend(chunk.subarray(taken % chunk.length));
      taken += sent;
      if (sent > 0) calm = performance.now();
      else await sleep(2);
    }
    return taken;
  }

  /** Sends FIN. */
  end(): void {
    this.socket.shutdown("write");
  }
  /** Sends RST. */
  reset(): void {
    if (this.socket.fileno() < 0) return;
    this.socket.setLinger(0);
    this.socket.close();
  }
  [Symbol.dispose](): void {
    this.reset();
  }
}

/** Sends everything, ends, and reads to the end at the same time; returns the answer. */
export async function exchange(
  to: ConnectOptions | { port: number },
  data: string | Uint8Array,
): Promise<Uint8Array> {
  using peer = Peer.dial(to);
  const sending = peer.send(data).then(() => peer.end());
  const [answer] = await Promise.all([peer.readToEnd(), sending]);
  return answer;
}

/** The error code of an attempt to connect; "connected" when it was none. */
export function dialError(to: ConnectOptions | { port: number }): string {
  try {
    Peer.dial(to).reset();
    return "connected";
  } catch (error) {
    return (error as OSError).code;
  }
}
