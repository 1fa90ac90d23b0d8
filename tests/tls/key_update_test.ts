// A peer that asks for new keys again and again and never reads: its answers must not pile up (RFC 8446, 4.6.3).
import { describe, expect } from "bun:test";
import { COUNTER, type EngineOptions } from "../../lib/engine/mod.ts";
import { Socket } from "../../lib/net/mod.ts";
import { Native, open } from "../../lib/sys/ffi.ts";
import { type OpenSsl, openSsl } from "../../lib/sys/openssl.ts";
import { readIdentity } from "../../lib/tls/credentials.ts";
import { tlsListener } from "../../lib/tls/decorate.ts";
import { tlsServer } from "../../lib/tls/endpoint.ts";
import {
  type Bench,
  createTestEngine,
  engineBench,
  Recorder,
  turnFor,
  turnUntil,
} from "../support/engines.ts";
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

  /** A record with so many bytes of content. */
  seal(length: number): Uint8Array {
    this.#ssl.SSL_write(this.#handle, new Uint8Array(new ArrayBuffer(length)), length);
    return this.#taken();
  }

  send(bytes: Uint8Array): void {
    try {
      this.#socket.send(bytes);
    } catch {
      // It was cut off.
    }
  }
}

/** A client and a server of an engine, whose connection is called "A". */
function connected(bench: Bench, certificates: Certificates, options: EngineOptions) {
  const { cert, key } = certificates.identity();
  const engine = bench.engine(options);
  const listener = Socket.listen({ host: "127.0.0.1" });
  const port = portOf(listener);
  const recorder = new Recorder();
  const server = tlsServer(readIdentity(cert, key));
  engine.listen(listener, tlsListener(engine, server, { handler: recorder, state: () => "A" }));
  const client = new Client(bench.dial(port));
  turnUntil(engine, () => client.step() && recorder.count("open") === 1);
  return { engine, recorder, client };
}

describe("a flood of requests for new keys", () => {
  const bench = engineBench(createTestEngine);

  itUnless(NO_TLS, "is cut off before it keeps others waiting, or its answers pile up", () => {
    using certificates = new Certificates();
    const maxQueued = 1 << 16;
    const { recorder, client, engine } = connected(bench, certificates, {
      maxQueued,
      receiveBytes: maxQueued / 2,
    });
    const chunk = client.keyUpdates(500); // 13.5 KB
    const start = performance.now();
    for (let i = 0; i < 200 && recorder.count("close") === 0; turnFor(engine, 1), i++) {
      client.send(chunk);
    }
    // It is cut off after 32 of them: 100,000 would keep this thread, and all others, for ten seconds.
    expect(recorder.errors.get("A")!.message).toBe(
      "Cannot go on with TLS: TLS_PROTOCOL (too many records without content)",
    );
    expect(performance.now() - start).toBeLessThan(5000);
    expect(engine.counters.slots[COUNTER.maxBuffered]).toBeLessThanOrEqual(maxQueued);
  });

  itUnless(NO_TLS, "is no flood where content comes in between", () => {
    using certificates = new Certificates();
    const { recorder, client, engine } = connected(bench, certificates, {});
    for (let i = 0; i < 10; i++) {
      client.send(Buffer.concat([client.keyUpdates(20), client.seal(1)]));
    }
    turnUntil(engine, () => recorder.receivedCount("A") === 10);
    expect(recorder.count("close")).toBe(0);
  });
});
