// release() and adopt(): a connection leaves an engine and comes back, and no byte is lost or seen twice.
import { expect, it } from "bun:test";
import { type Connection, COUNTER, type Handler, type Released } from "../../lib/engine/mod.ts";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import { type CreateEngine, engineBench, pattern, Recorder } from "../support/engines.ts";
import { expectSameBytes, turnBriefly, turnFor, turnUntil } from "../support/engines.ts";
import { decode, encode, receive, thrownBy } from "../support/sockets.ts";
import { itUnless, NO_RESETS } from "../support/systems.ts";

const NOTHING = new Uint8Array(0);

/** A handler of adopted connections, whose `open` must not be called: calls and bytes, in order. */
class Sink implements Handler<string> {
  readonly calls: string[] = [];
  readonly parts: Uint8Array[] = [];
  open(): void {
    expect("open").toBe("not called");
  }
  data(_: Connection<string>, bytes: Uint8Array): void {
    this.calls.push(`data ${bytes.length}`);
    this.parts.push(bytes.slice()); // lent: a copy
  }
  writable(): void {}
  end(connection: Connection<string>): void {
    this.calls.push("end");
    connection.end();
  }
  close(): void {
    this.calls.push("close");
  }
  get bytes(): Uint8Array {
    return Buffer.concat(this.parts);
  }
}

/** A handler with `ready`, which does `act`. */
const whenReady = (act: (connection: Connection<string>, ended: boolean) => void): Recorder =>
  Object.assign(new Recorder(), { ready: act } satisfies Partial<Handler<string>>);

export function releaseCases(create: CreateEngine): void {
  const bench = engineBench(create);

  for (const count of [1, 40]) {
    it(`pause(): ${count} flooding peers, no more is held of each than engine.ts says; no byte is lost`, () => {
      const engine = bench.engine();
      const recorder = new Recorder({ data: (connection) => connection.pause() });
      const { port } = bench.listen(engine, recorder);
      const peers = Array.from({ length: count }, () => bench.dial(port));
      turnUntil(engine, () => recorder.count("open") === count);
      const sent = pattern(100_000);
      for (const peer of peers) peer.send(sent);
      turnUntil(engine, () => recorder.count("data") === count);
      turnFor(engine, 50);
      expect(recorder.count("data")).toBe(count); // none after pause
      let held = 0;
      for (const connection of recorder.connections) {
        const { fd, bytes } = engine.release(connection);
        held = Math.max(held, bytes.length);
        const socket = bench.keep(Socket.fromFd(fd));
        const seen = recorder.received(connection.state);
        const rest = receive(socket, sent.length - seen.length - bytes.length);
        expectSameBytes(Buffer.concat([seen, bytes, rest]), sent);
      }
      expect(held).toBeLessThanOrEqual(Math.max(128 << 10, count * (4 << 10)));
    });
  }

  it("release() gives up an open descriptor: no call follows, nothing is watched or counted", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    const { fd, bytes } = engine.release(connection);
    const socket = bench.keep(Socket.fromFd(fd));
    expect([bytes.length, engine.active, engine.counters.slots[COUNTER.active]]).toEqual([0, 0, 0]);
    expect(connection.closed).toBe(true);
    peer.send(encode("hello"));
    turnFor(engine, 20);
    expect(recorder.calls).toEqual(["open A"]);
    expect(engine.counters.slots[COUNTER.closed]).toBe(0);
    expect(decode(receive(socket, 5))).toBe("hello");
    socket.send(encode("answer"));
    expect(decode(receive(peer, 6))).toBe("answer");
  });

  it("adopt() takes it in again: what arrived meanwhile is seen, once, and open is not called", () => {
    const engine = bench.engine();
    const sink = new Sink();
    const { peer, connection } = bench.connected(engine, new Recorder());
    let [now, wanted] = [connection, ""];
    for (let round = 0; round < 50; round++) {
      const released = engine.release(now);
      peer.send(encode(`${round};`));
      wanted += `${round};`;
      now = engine.adopt(released, sink, "A");
      expect(engine.active).toBe(1);
      turnUntil(engine, () => sink.bytes.length >= wanted.length);
      expect(decode(sink.bytes)).toBe(wanted);
    }
    peer.shutdown("write");
    turnUntil(engine, () => sink.calls.includes("close"));
    expect(sink.calls.slice(-2)).toEqual(["end", "close"]);
    expect(sink.calls.length).toBe(52);
  });

  it("bytes that come along are the first, then those of the socket", () => {
    const engine = bench.engine();
    const [a, b] = socketPair();
    bench.keep(b);
    const sink = new Sink();
    const sent = pattern(100_000);
    b.send(sent, 60_000);
    engine.adopt({ fd: a.detach(), bytes: sent.slice(0, 60_000) }, sink, "A");
    turnUntil(engine, () => sink.bytes.length === sent.length);
    expectSameBytes(sink.bytes, sent);
    expect(sink.calls[0]).toBe("data 60000");
  });

  it("bytes that no handler has seen travel on, also through a paused connection", () => {
    const engine = bench.engine();
    const [a, b] = socketPair();
    bench.keep(b);
    const sink = new Sink();
    let released: Released = { fd: a.detach(), bytes: encode("ahead") };
    for (let i = 0; i < 3; i++) {
      const connection = engine.adopt(released, sink, "A");
      connection.pause();
      turnFor(engine, 5);
      released = engine.release(connection);
      expect(decode(released.bytes)).toBe("ahead");
    }
    const connection = engine.adopt(released, sink, "A");
    connection.pause();
    turnBriefly(engine);
    expect(sink.calls).toEqual([]);
    connection.resume();
    turnUntil(engine, () => sink.calls.length > 0);
    expect(decode(sink.bytes)).toBe("ahead");
  });

  it("release() within data: the lent bytes count as seen, the rest comes along or with the socket", () => {
    const engine = bench.engine({ receiveBytes: 4 });
    let released: Released | undefined;
    const recorder = new Recorder({
      data: (connection) => released = engine.release(connection),
    });
    const { peer } = bench.connected(engine, recorder);
    peer.send(encode("headbody"));
    turnUntil(engine, () => released !== undefined);
    expect(decode(recorder.received("A"))).toBe("head");
    // Received already, or not yet.
    const rest = bench.keep(Socket.fromFd(released!.fd));
    const { bytes } = released!;
    expect(decode(bytes) + decode(receive(rest, 4 - bytes.length))).toBe("body");
    turnFor(engine, 10);
    expect(recorder.calls).toEqual(["open A", "data A 4"]);
  });

  it("ready() takes the place of data and end, receives nothing, and reports the end", () => {
    const engine = bench.engine();
    const calls: string[] = [];
    const recorder = whenReady((connection, ended) => {
      calls.push(ended ? "ended" : "ready");
      connection.pause();
    });
    const { peer, connection } = bench.connected(engine, recorder);
    turnFor(engine, 10);
    expect(calls).toEqual([]);
    peer.send(encode("hello"));
    turnUntil(engine, () => calls.length === 1);
    turnFor(engine, 10);
    expect(calls).toEqual(["ready"]);
    expect(engine.counters.slots[COUNTER.bytesIn]).toBe(0);
    const released = engine.release(connection);
    using socket = Socket.fromFd(released.fd);
    expect(decode(receive(socket, 5))).toBe("hello");
    peer.shutdown("write");
    engine.adopt({ fd: socket.detach(), bytes: NOTHING }, recorder, "A");
    turnUntil(engine, () => calls.length === 2);
    expect(calls).toEqual(["ready", "ended"]);
    expect(recorder.calls).toEqual(["open A"]);
  });

  it("ready() comes for bytes that came along, and they stay with the connection", () => {
    const engine = bench.engine();
    const [a, b] = socketPair();
    bench.keep(b);
    const seen: string[] = [];
    const handler = whenReady((connection, ended) => {
      const released = engine.release(connection);
      seen.push(`${ended} ${decode(released.bytes)}`);
      bench.keep(Socket.fromFd(released.fd));
    });
    engine.adopt({ fd: a.detach(), bytes: encode("ahead") }, handler, "A");
    turnUntil(engine, () => seen.length > 0);
    expect(seen).toEqual(["false ahead"]);
  });

  itUnless(NO_RESETS, "ready() is not called for a reset: close comes, with the error", () => {
    const engine = bench.engine();
    const recorder = whenReady(() => expect("ready").toBe("not called"));
    const { peer } = bench.connected(engine, recorder);
    peer.setLinger(0);
    peer.close();
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.calls).toEqual(["open A", "close A ECONNRESET"]);
  });

  it("release() refuses a connection that is closed, connecting, or has something to send", () => {
    const engine = bench.engine();
    const { connection } = bench.connected(engine, new Recorder());
    connection.send(pattern(12 << 20));
    expect(thrownBy(() => engine.release(connection)).message).toMatch(/connecting or sending/);
    connection.close();
    expect(thrownBy(() => engine.release(connection)).message).toMatch(/closed/);
  });
}
