// A peer that asks for new keys again and again and never reads: its answers must not pile up (RFC 8446, 4.6.3).
import { describe, expect } from "bun:test";
import { createEngine } from "../../lib/engine/mod.ts";
import { Socket, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { Native, open } from "../../lib/sys/ffi.ts";
import { type OpenSsl, openSsl } from "../../lib/sys/openssl.ts";
import { readIdentity } from "../../lib/tls/credentials.ts";
import { tlsListener } from "../../lib/tls/decorate.ts";
import { tlsServer } from "../../lib/tls/endpoint.ts";
import { engineBench, Recorder, turnFor, turnUntil } from "../support/engines.ts";
import { portOf } from "../support/sockets.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_TLS } from "./certificates.ts";

const SSL_KEY_UPDATE_REQUESTED = 1;

/** A TLS client by hand, which can ask for new keys. */
class Client {
  readonly #ssl = openSsl() as OpenSsl;
  readonly #more = open(["libssl.so.3"], {
    SSL_key_update: { args: ["pointer", "i32"], result: "i32" },
  });
  readonly #in = this.#ssl.BIO_new(this.#ssl.BIO_s_mem());
  readonly #out = this.#ssl.BIO_new(this.#ssl.BIO_s_mem());
  readonly #handle = this.#ssl.SSL_new(this.#ssl.SSL_CTX_new(this.#ssl.TLS_method()));
  readonly #memory = new Native(1 << 16);
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#ssl.SSL_set_bio(this.#handle, this.#in, this.#out);
    this.#ssl.SSL_set_connect_state(this.#handle);
  }

  /** Goes on with the handshake; true when it is done. */
  step(): boolean {
    const received = this.#socket.recv(this.#memory.bytes);
    if (received > 0) {
      this.#ssl.BIO_write(this.#in, this.#memory.bytes.subarray(0, received), received);
    }
    const done = this.#ssl.SSL_do_handshake(this.#handle) === 1;
    for (let left = this.#taken(); left.length > 0;) {
      left = left.subarray(Math.max(0, this.#socket.send(left)));
    }
    return done;
  }

  #taken(): Uint8Array {
    const count = this.#ssl.BIO_read(this.#out, this.#memory.pointer, this.#memory.length);
    return this.#memory.bytes.slice(0, Math.max(0, count));
  }

  /** Requests for new keys, as they go over the wire. */
  keyUpdates(count: number): Uint8Array {
    for (let i = 0; i < count; i++) {
      this.#more.SSL_key_update(this.#handle, SSL_KEY_UPDATE_REQUESTED);
      this.#ssl.SSL_do_handshake(this.#handle);
    }
    return this.#taken();
  }

  /** False when the socket takes no more. */
  send(bytes: Uint8Array): number {
    const sent = this.#socket.send(bytes);
    return sent === WOULD_BLOCK ? 0 : sent;
  }
}

describe("a flood of requests for new keys", () => {
  const bench = engineBench(createEngine);

  itUnless(NO_TLS, "keeps to maxQueued, though it is TLS that answers and no handler", () => {
    using certificates = new Certificates();
    const { cert, key } = certificates.identity();
    const maxQueued = 1 << 16;
    const engine = bench.engine({ maxQueued, receiveBytes: maxQueued / 2 });
    const listener = Socket.listen({ host: "127.0.0.1" });
    const port = portOf(listener);
    listener.setBuffers({ sendBytes: 4096 }); // its connections': what the kernel takes is not queued
    const recorder = new Recorder();
    const server = tlsServer(readIdentity(cert, key));
    engine.listen(listener, tlsListener(engine, server, { handler: recorder, state: () => "A" }));
    const socket = bench.dial(port);
    socket.setBuffers({ recvBytes: 4096 });
    const client = new Client(socket);
    turnUntil(engine, () => client.step() && recorder.count("open") === 1);
    // Until the server takes nothing more for some turns: it has stopped reading.
    let bytes = client.keyUpdates(500);
    let total = 0;
    for (let refused = 0; refused < 20 && total < 20 << 20; turnFor(engine, 1)) {
      const sent = client.send(bytes);
      total += sent;
      bytes = bytes.subarray(sent);
      refused = sent === 0 ? refused + 1 : 0;
      if (bytes.length === 0) bytes = client.keyUpdates(500);
    }
    expect(total).toBeLessThan(20 << 20);
    const [connection] = recorder.connections;
    expect(connection!.queued).toBeGreaterThan(0);
    expect(connection!.queued).toBeLessThanOrEqual(maxQueued);
    expect(recorder.count("close")).toBe(0);
  });
});
