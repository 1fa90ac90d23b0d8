// TLS between an engine and a handler: what the handler may rely on before, in and after the handshake.
import { afterAll, describe, expect } from "bun:test";
import type { Engine } from "../../lib/engine/mod.ts";
import { Socket } from "../../lib/net/mod.ts";
import { tlsConnect, tlsListener } from "../../lib/tls/decorate.ts";
import { TlsConnection } from "../../lib/tls/connection.ts";
import { readAuthorities, readIdentity } from "../../lib/tls/credentials.ts";
import { tlsClient, tlsServer } from "../../lib/tls/endpoint.ts";
import {
  createTestEngine,
  engineBench,
  expectSameBytes,
  pattern,
  Recorder,
} from "../support/engines.ts";
import { turnBriefly, turnFor, turnUntil } from "../support/engines.ts";
import { portOf } from "../support/sockets.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_OPENSSL, NO_TLS } from "./certificates.ts";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
const files = certificates?.identity();
const identity = files && readIdentity(files.cert, files.key);
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => void) =>
  itUnless(NO_TLS, `a TLS connection of an engine ${name}`, body);

describe("TLS over an engine", () => {
  const bench = engineBench(createTestEngine);

  /** An engine that listens with TLS; its connections are called "server". */
  function listening(handler: Recorder): { engine: Engine; port: number } {
    const engine = bench.engine();
    const endpoint = tlsServer(identity!);
    const socket = Socket.listen({ host: "127.0.0.1" });
    const port = portOf(socket);
    engine.listen(socket, tlsListener(engine, endpoint, { handler, state: () => "server" }));
    return { engine, port };
  }

  function connect(engine: Engine, port: number, handler: Recorder) {
    const endpoint = tlsClient({ ca: readAuthorities(certificates!.ca), insecure: false });
    return tlsConnect(engine, endpoint, "localhost", { port }, handler, "client");
  }

  it("calls open, data, end and close in their order, on both sides", () => {
    const server = new Recorder({
      data: (connection, bytes) => void connection.send(bytes),
      end: (connection) => connection.end(),
    });
    const client = new Recorder({
      open: (connection) => {
        connection.send(pattern(100_000));
        connection.end();
      },
    });
    const { engine, port } = listening(server);
    connect(engine, port, client);
    turnUntil(engine, () => client.count("close") + server.count("close") === 2);
    expectSameBytes(client.received("client"), pattern(100_000));
    for (const [recorder, name] of [[client, "client"], [server, "server"]] as const) {
      expect(recorder.of(name)).toMatch(/^open (data |writable )+end (writable )*close$/);
      expect(recorder.errors.get(name)).toBe(null);
    }
    expect(engine.counters.errors()).toEqual([]);
  });

  it("gives what had come before a reset, also when it learns of that by sending", () => {
    const server = new Recorder();
    const client = new Recorder();
    const { engine: theirs, port } = listening(server);
    const ours = bench.engine();
    const connection = connect(ours, port, client);
    turnUntil(ours, () => (turnBriefly(theirs, 0), client.count("open") === 1));
    turnUntil(theirs, () => (turnBriefly(ours, 0), server.count("open") === 1));
    turnFor(ours, 20); // session tickets
    const [peer] = server.connections;
    peer!.send(pattern(20_000));
    turnUntil(theirs, () => peer!.queued + peer!.unacknowledged === 0);
    peer!.reset();
    turnUntil(theirs, () => server.count("close") === 1);
    connection.send(pattern(20_000, 2));
    turnUntil(ours, () => client.count("close") === 1);
    expectSameBytes(client.received("client"), pattern(20_000));
    expect(client.count("close")).toBe(1);
    expect(client.errors.get("client")?.code).toMatch(/ECONNRESET|EPIPE/);
  });

  it("keeps what is sent, ended and paused before the handshake for after it", () => {
    const server = new Recorder({ open: (connection) => void connection.send(pattern(50)) });
    const client = new Recorder();
    const { engine, port } = listening(server);
    const connection = connect(engine, port, client);
    expect(connection.send(pattern(10))).toBe(10);
    connection.send(pattern(20, 2));
    connection.pause();
    connection.end();
    turnUntil(engine, () => server.count("end") === 1);
    expectSameBytes(server.received("server"), Buffer.concat([pattern(10), pattern(20, 2)]));
    turnFor(engine, 50);
    expect(client.count("data")).toBe(0);
    connection.resume();
    turnUntil(engine, () => client.count("data") === 1);
  });

  it("stops receiving while it is paused", () => {
    const server = new Recorder();
    const bytes = pattern(1 << 20);
    const client = new Recorder({
      open(connection) {
        for (let i = 0; i < 16; i++) connection.send(bytes); // more than the kernel keeps
      },
    });
    server.hooks.data = (connection) => connection.pause();
    const { engine, port } = listening(server);
    const connection = connect(engine, port, client);
    turnUntil(engine, () => server.count("data") === 1);
    turnFor(engine, 100);
    expect(server.count("data")).toBe(1);
    expect(connection.queued).toBeGreaterThan(0);
  });

  it("may be closed from within any call", () => {
    for (const name of ["open", "data", "end"] as const) {
      const server = new Recorder({
        [name]: (connection: { close(): void }) => connection.close(),
      });
      const client = new Recorder({
        open: (connection) => {
          connection.send(pattern(100));
          connection.end();
        },
      });
      const { engine, port } = listening(server);
      connect(engine, port, client);
      turnUntil(engine, () => client.count("close") + server.count("close") === 2);
      expect(server.of("server").endsWith(`${name} close`)).toBe(true);
      expect(server.errors.get("server")).toBe(null);
    }
  });

  it("ends with close only, when the client closes it during the handshake", () => {
    const server = new Recorder();
    const client = new Recorder();
    const { engine, port } = listening(server);
    const connection = connect(engine, port, client);
    connection.close();
    turnUntil(engine, () => client.count("close") === 1);
    expect(client.of("client")).toBe("close");
    turnUntil(engine, () => engine.active === 0);
    expect(server.of("server")).toMatch(/^(close)?$/);
  });

  it("is given up by a server after 10 s without a handshake", () => {
    const timers: { ms: number; callback: () => void }[] = [];
    const server = new Recorder();
    const { engine } = listening(server);
    const fake = {
      counters: engine.counters,
      after(ms: number, callback: () => void) {
        timers.push({ ms, callback });
        return { due: 0, cancel() {} };
      },
    };
    const endpoint = tlsServer(identity!);
    const side = { engine: fake as unknown as Engine, endpoint, handler: server };
    const connection = new TlsConnection(side, "server");
    let closed = false;
    const transport = { close: () => closed = true, send() {}, queued: 0, closed: false };
    connection.opened(transport as never);
    expect(timers.map(({ ms }) => ms)).toEqual([10_000]);
    timers[0]!.callback();
    expect(closed).toBe(true);
    connection.over(null);
    expect(server.errors.get("server")!.message).toBe(
      "Cannot agree on TLS: TLS_HANDSHAKE (not done within 10 s)",
    );
  });
});
