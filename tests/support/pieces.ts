// Right servers whose replies come in pieces that no client would choose, each connection its own way.
import { type Target, target, type Victim } from "./misbehaving.ts";

/** How the bytes of a connection leave: one at a time, in random pieces, or many replies at once. */
const WAYS = ["bytes", "random", "together"] as const;

/** Writes in order, in pieces. */
class Pieces {
  readonly #victim: Victim;
  #queue: Buffer = Buffer.alloc(0);
  #waiting = false;
  #ending = false;

  constructor(victim: Victim) {
    this.#victim = victim;
    victim.socket.setNoDelay(true);
  }

  write(bytes: Uint8Array): void {
    this.#queue = Buffer.concat([this.#queue, bytes]);
    this.#later();
  }

  end(): void {
    this.#ending = true;
    this.#later();
  }

  #later(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const send = () => this.#send();
    if (this.#way === "together") setTimeout(send, 3);
    else setImmediate(send);
  }

  get #way(): typeof WAYS[number] {
    return WAYS[this.#victim.number % WAYS.length]!;
  }

  #send(): void {
    this.#waiting = false;
    const { socket } = this.#victim;
    if (!socket.writable) return;
    const length = this.#way === "bytes"
      ? 1
      : this.#way === "random"
      ? 1 + Math.floor(Math.random() * 40)
      : this.#queue.length;
    socket.write(this.#queue.subarray(0, length));
    this.#queue = this.#queue.subarray(length);
    if (this.#queue.length > 0) this.#later();
    else if (this.#ending) socket.end();
  }
}

/** A server of a protocol of lines. A reply of null ends the connection. */
export const lineServer = (
  reply: (line: string) => string | null,
  greeting = "",
): Promise<Target> =>
  target((victim) => {
    const out = new Pieces(victim);
    if (greeting !== "") out.write(Buffer.from(greeting));
    let pending = "";
    victim.socket.on("data", (chunk: Buffer) => {
      const lines = (pending + chunk.toString("latin1")).split("\n");
      pending = lines.pop()!;
      for (const line of lines) {
        const answer = reply(line.replace(/\r$/, ""));
        if (answer === null) out.end();
        else if (answer !== "") out.write(Buffer.from(answer, "latin1"));
      }
    });
  });

/** A server that answers bytes with as many bytes. */
export const byteServer = (reply: (bytes: Buffer) => Uint8Array): Promise<Target> =>
  target((victim) => {
    const out = new Pieces(victim);
    victim.socket.on("data", (chunk: Buffer) => out.write(reply(chunk)));
  });
