// Random acts on many connections of an engine, against what its peers must see: every byte, in order.
//
// IOMUX_SEED repeats a run, IOMUX_TEST_FULL or IOMUX_HAMMER_MS makes it longer.
import { describe, expect, it } from "bun:test";
import type { Connection, Engine, EngineChoice } from "../../lib/engine/mod.ts";
import { createEngine, engineMissing } from "../../lib/engine/mod.ts";
import { type OSError, Socket } from "../../lib/net/mod.ts";
import { pattern, turnBriefly } from "../support/engines.ts";
import { tries } from "../support/runtime.ts";
import { portOf } from "../support/sockets.ts";

const LIMIT_MS = Number(process.env.IOMUX_HAMMER_MS ?? tries(1500));
const SEED = Number(process.env.IOMUX_SEED ?? Date.now() % 0x7fffffff);
const PEERS = 40;
const stream = pattern(1 << 20, 3);

/** A peer, what it has sent and received, and whether its connection may end at any time. */
interface Peer {
  socket: Socket;
  sent: number;
  received: number;
  ended: boolean;
  /** The engine's side may have been cut: what is missing then is no fault. */
  cut: boolean;
}

class World {
  readonly engine: Engine;
  readonly #port: number;
  readonly #peers: Peer[] = [];
  readonly #open = new Map<number, Connection<number>>();
  readonly #buffer = new Uint8Array(new ArrayBuffer(1 << 16));
  #seed = SEED;
  #number = 0;
  /** Of connections that were accepted, in the order in which their peers connected. */
  readonly #byNumber: Peer[] = [];
  verified = 0;

  constructor(options: EngineChoice) {
    this.engine = createEngine({ ...options, maxQueued: 1 << 18 });
    const socket = Socket.listen({ host: "127.0.0.1" });
    this.#port = portOf(socket);
    this.engine.listen(socket, { handler: this, state: () => this.#number++ });
  }

  random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1103515245) + 12345) & 0x7fffffff;
    return (this.#seed >>> 8) % below;
  }

  // The engine's handler: an echo that does other things in between.
  open(connection: Connection<number>): void {
    this.#open.set(connection.state, connection);
  }
  data(connection: Connection<number>, bytes: Uint8Array): void {
    connection.send(bytes);
    const peer = this.#byNumber[connection.state]!;
    switch (this.random(40)) {
      case 0:
        connection.pause();
        return void this.engine.after(this.random(5), () => connection.resume());
      case 1:
        peer.cut = true;
        return connection.close();
      case 2:
        peer.cut = true;
        return connection.reset();
      case 3:
        return this.#handOver(connection);
    }
  }
  writable(): void {}
  end(connection: Connection<number>): void {
    connection.end();
  }
  close(connection: Connection<number>, error: OSError | null): void {
    expect(this.#open.get(connection.state)).toBe(connection); // exactly once
    this.#open.delete(connection.state);
    if (error) this.#byNumber[connection.state]!.cut = true;
  }

  /** Out of the engine, and in again. */
  #handOver(connection: Connection<number>): void {
    this.engine.defer(() => {
      if (connection.closed) return;
      try {
        const released = this.engine.release(connection);
        this.#open.set(connection.state, this.engine.adopt(released, this, connection.state));
      } catch (error) {
        expect((error as Error).message).toMatch(/still connecting or sending|is closed/);
      }
    });
  }

  step(): void {
    if (this.#peers.length < PEERS && this.random(3) === 0) this.#connect();
    for (let i = this.random(6); i > 0 && this.#peers.length > 0; i--) {
      this.#act(this.#peers[this.random(this.#peers.length)]!);
    }
    turnBriefly(this.engine, 0);
  }

  #connect(): void {
    const socket = Socket.connect({ host: "127.0.0.1", port: this.#port, timeoutMs: 5000 });
    if (this.random(2) === 0) socket.setBuffers({ recvBytes: 8192, sendBytes: 8192 });
    const peer = { socket, sent: 0, received: 0, ended: false, cut: false };
    this.#peers.push(peer);
    this.#byNumber.push(peer);
  }

  #act(peer: Peer): void {
    try {
      const what = this.random(12);
      if (what < 6 && !peer.ended) this.#send(peer);
      else if (what < 10) this.#receive(peer);
      else if (what === 10 && this.random(4) === 0 && !peer.ended) {
        peer.ended = true;
        peer.socket.shutdown("write");
      } else if (what === 11 && this.random(8) === 0) {
        peer.cut = true;
        peer.socket.setLinger(0);
        this.#forget(peer);
      }
    } catch (error) {
      if (!peer.cut) throw error;
      this.#forget(peer);
    }
  }

  #send(peer: Peer): void {
    const length = Math.min(
      1 + this.random(this.random(3) === 0 ? 50_000 : 500),
      stream.length - peer.sent,
    );
    if (length === 0) return;
    peer.sent += Math.max(0, peer.socket.send(stream, peer.sent, length));
  }

  #receive(peer: Peer): void {
    const received = peer.socket.recv(this.#buffer);
    if (received > 0) {
      const expected = stream.subarray(peer.received, peer.received + received);
      if (Buffer.compare(this.#buffer.subarray(0, received), expected) !== 0) {
        throw new Error(`seed ${SEED}: wrong bytes behind ${peer.received}`);
      }
      peer.received += received;
      this.verified += received;
    } else if (received === 0) {
      if (!peer.cut) expect(peer.received).toBe(peer.sent);
      this.#forget(peer);
    }
  }

  #forget(peer: Peer): void {
    peer.socket.close();
    const at = this.#peers.indexOf(peer);
    if (at >= 0) this.#peers.splice(at, 1);
  }

  /** All peers end, and see all that they have sent. */
  finish(): void {
    const deadline = performance.now() + 20_000;
    while (this.#peers.length > 0 && performance.now() < deadline) {
      for (const peer of [...this.#peers]) {
        try {
          if (!peer.ended) peer.socket.shutdown("write");
          peer.ended = true;
          for (let i = 0; i < 4 && peer.socket.fileno() >= 0; i++) this.#receive(peer);
        } catch (error) {
          if (!peer.cut) throw error;
          this.#forget(peer);
        }
      }
      turnBriefly(this.engine, 1);
    }
    expect(this.#peers.length).toBe(0);
    for (let i = 0; i < 100 && this.#open.size > 0; i++) turnBriefly(this.engine, 5);
    expect([this.#open.size, this.engine.active]).toEqual([0, 0]);
    this.engine.close();
  }
}

const engines: [string, EngineChoice][] = [
  ["readiness", { engine: "readiness" }],
  ["readiness, edge-triggered", { engine: "readiness", edge: true }],
];
const missing = engineMissing("uring");
if (missing === undefined) engines.push(["io_uring", { engine: "uring" }]);
else console.log(`not run: the hammer of engines on io_uring: ${missing}`);

describe("the hammer of engines", () => {
  for (const [name, options] of engines) {
    it(`${name}: every byte comes back, in order, and every connection closes once (seed ${SEED})`, () => {
      const world = new World(options);
      for (const end = performance.now() + LIMIT_MS; performance.now() < end;) world.step();
      world.finish();
      expect(world.verified).toBeGreaterThan(1000);
    });
  }
});
