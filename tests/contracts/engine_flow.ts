// Bytes through an engine: lent, queued, paused, half-closed; all of them, once, in order.
import { expect, it } from "bun:test";
import { COUNTER, type Handler } from "../../lib/engine/mod.ts";
import { type Socket, socketPair } from "../../lib/net/mod.ts";
import { type CreateEngine, engineBench, pattern, Recorder } from "../support/engines.ts";
import { expectSameBytes, turnBriefly, turnFor, turnUntil } from "../support/engines.ts";
import { encode, fill, receive } from "../support/sockets.ts";

const BIG = 12 << 20; // more than the kernel buffers of both sides

/** Reads what is there; returns how much, and remembers it. `count` is of all that it has read. */
function reader(
  peer: Socket,
): { read: () => number; count: () => number; bytes: () => Uint8Array; ended: () => boolean } {
  const parts: Uint8Array[] = [];
  let count = 0;
  const buffer = new Uint8Array(new ArrayBuffer(1 << 18));
  let ended = false;
  return {
    read() {
      const received = ended ? 0 : peer.recv(buffer);
      if (received === 0) ended = true;
      if (received > 0) {
        parts.push(buffer.slice(0, received));
        count += received;
      }
      return received;
    },
    count: () => count,
    bytes: () => Buffer.concat(parts),
    ended: () => ended,
  };
}

export function flowCases(create: CreateEngine): void {
  const bench = engineBench(create);

  it("lent bytes may be changed in place and sent", () => {
    const engine = bench.engine();
    const invert = (byte: number) => byte ^ 0xff;
    const recorder = new Recorder({
      data: (connection, bytes: Uint8Array) => {
        for (let i = 0; i < bytes.length; i++) bytes[i] = invert(bytes[i]!);
        expect(connection.send(bytes)).toBe(0);
      },
    });
    const { peer } = bench.connected(engine, recorder);
    let total = 0;
    for (const length of [1, 5, 2048, 4096, 4097, 60_000]) {
      const sent = pattern(length, length);
      peer.send(sent);
      total += length;
      turnUntil(engine, () => recorder.receivedCount("A") === total);
      turnBriefly(engine, 0); // what was sent goes out with the next turn at the latest
      expectSameBytes(receive(peer, length), sent.map(invert));
    }
  });

  it("output for a peer that has ended and does not read waits without keeping the loop busy", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    const sent = pattern(BIG);
    connection.send(sent);
    peer.shutdown("write");
    turnUntil(engine, () => recorder.count("end") === 1);
    turnFor(engine, 10);
    const { slots } = engine.counters;
    const before = slots[COUNTER.events]!;
    turnFor(engine, 200);
    expect(slots[COUNTER.events]! - before).toBeLessThan(20);
    const { read, count, bytes } = reader(peer);
    turnUntil(engine, () => {
      read();
      return count() === BIG;
    }, 10_000);
    expectSameBytes(bytes(), sent);
  });

  it("send() queues only what the kernel does not take, and sends all of it", () => {
    const engine = bench.engine();
    const left: number[] = [];
    const recorder = new Recorder({ writable: (connection) => void left.push(connection.queued) });
    const { peer, connection } = bench.connected(engine, recorder);
    expect(connection.send(encode("small"))).toBe(0);
    expect(connection.queued).toBe(0);
    turnBriefly(engine, 0);
    expect(receive(peer, 5)).toEqual(encode("small"));

    const sent = pattern(BIG);
    const queued = connection.send(sent);
    expect(connection.queued).toBe(queued);
    expect(queued).toBeGreaterThan(0);
    expect(queued).toBeLessThan(BIG);
    expect(engine.counters.slots[COUNTER.bytesOut]).toBe(5 + BIG - queued);
    expect(engine.counters.slots[COUNTER.maxBuffered]).toBe(queued);
    // A second one goes behind the first, and `sent` may be re-used at once: it was copied.
    expect(connection.send(encode("tail"))).toBe(queued + 4);
    const expected = sent.slice();
    sent.fill(0);

    const { read, count, bytes } = reader(peer);
    turnUntil(engine, () => {
      read();
      return count() === BIG + 4;
    }, 10_000);
    expectSameBytes(bytes(), Buffer.concat([expected, encode("tail")]));
    expect(left.at(-1)).toBe(0);
    expect(left.filter((n) => n === 0).length).toBe(1);
    expect(left).toEqual(left.toSorted((a, b) => b - a));
    turnFor(engine, 10);
    expect(recorder.count("writable")).toBe(left.length); // none while nothing is queued
  });

  it("a turn sends a bounded part of a queue", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    connection.send(pattern(BIG));
    const { read } = reader(peer);
    while (read() > 0); // makes room for much more than one turn may send
    const before = connection.queued;
    turnUntil(engine, () => connection.queued < before);
    expect(before - connection.queued).toBeLessThanOrEqual(1 << 18);
    expect(recorder.count("writable")).toBe(1);
  });

  it("an echo to a peer that reads in bursts keeps the order, whatever waits where", () => {
    const engine = bench.engine({ maxQueued: 1 << 18 });
    const echo: Handler<null> = {
      ...{ open() {}, writable() {}, end() {}, close() {} },
      data: (connection, bytes) => void connection.send(bytes),
    };
    const [own, other] = socketPair();
    const peer = bench.keep(other);
    engine.adopt({ fd: own.detach(), bytes: new Uint8Array(0) }, echo, null);
    const sent = pattern(2_000_000, 7);
    const { read, count, bytes } = reader(peer);
    let at = 0;
    let random = 1;
    for (let turn = 0; count() < sent.length && turn < 100_000; turn++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      // Pieces of all sizes, so that several of them are received in one turn.
      for (let pieces = (random >>> 8) % 12; pieces > 0 && at < sent.length; pieces--) {
        const length = 1 + (Math.imul(random, pieces) >>> 4) % 5000;
        const taken = peer.send(sent, at, Math.min(length, sent.length - at));
        if (taken <= 0) break;
        at += taken;
      }
      turnBriefly(engine, 0);
      if ((random >>> 16) % 3 === 0) { while (count() < at && read() > 0); }
    }
    expectSameBytes(bytes(), sent);
  });

  it("maxQueued bounds what is queued for a peer that does not read; nothing is lost by it", () => {
    const engine = bench.engine({ maxQueued: 1 << 20, receiveBytes: 1 << 16 });
    const recorder = new Recorder({
      data: (connection, bytes) => {
        for (let i = 0; i < 4; i++) connection.send(bytes);
      },
    });
    const { peer, connection } = bench.connected(engine, recorder);
    let most = 0;
    let sent = 0;
    const chunk = pattern(1 << 16);
    const flood = () => {
      const taken = peer.send(chunk);
      if (taken > 0) sent += taken;
      most = Math.max(most, connection.queued);
      return taken < 0;
    };
    for (let full = 0; full < 20; turnFor(engine, 1)) full = flood() ? full + 1 : 0;
    expect(most).toBeGreaterThan(1 << 19);
    expect(most).toBeLessThanOrEqual((1 << 19) + 4 * (1 << 16));
    const { read, count } = reader(peer);
    turnUntil(engine, () => {
      while (read() > 0);
      return count() === 4 * sent;
    }, 20_000);
  });

  it("maxQueued and pause() hold each for itself", () => {
    const engine = bench.engine({ maxQueued: 1 << 16 });
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    connection.send(pattern(BIG));
    connection.pause();
    peer.send(encode("x"));
    const { read, count } = reader(peer);
    turnUntil(engine, () => (read(), connection.queued === 0), 10_000);
    turnFor(engine, 10);
    expect(recorder.count("data")).toBe(0);
    connection.resume();
    turnUntil(engine, () => recorder.count("data") === 1);
    expect(count()).toBeGreaterThan(0);
  });

  it("pause() stops receiving until the peer's sends wait; resume() loses nothing", () => {
    const engine = bench.engine();
    const recorder = new Recorder({ data: (connection) => connection.pause() });
    const { peer, connection } = bench.connected(engine, recorder);
    peer.send(encode("x"));
    turnUntil(engine, () => recorder.count("data") === 1);
    let waiting = 0; // zeros, until the kernel's buffers of both sides are full and grow no more
    let full = 0; // times in a row: on a busy machine they may grow late
    for (let i = 0; full < 3 && i < 50; i++) {
      const more = fill(peer);
      waiting += more;
      full = more > 0 ? 0 : full + 1;
      turnFor(engine, 20);
    }
    expect(waiting).toBeGreaterThan(10_000);
    expect(full).toBe(3);
    expect(recorder.count("data")).toBe(1);

    recorder.hooks.data = () => {};
    connection.resume();
    turnUntil(engine, () => recorder.receivedCount("A") >= 1 + waiting);
    turnFor(engine, 10);
    expect(recorder.receivedCount("A")).toBe(1 + waiting);
    expect(engine.counters.slots[COUNTER.bytesIn]).toBe(1 + waiting);
  });

  it("pause() and resume() again and again, in order and byte-exact", () => {
    const engine = bench.engine();
    const recorder = new Recorder({
      data: (connection) => {
        connection.pause();
        engine.after(1, () => connection.resume());
      },
    });
    const { peer } = bench.connected(engine, recorder);
    const sent = pattern(700_000);
    let at = 0;
    turnUntil(engine, () => {
      if (at < sent.length) at += Math.max(0, peer.send(sent, at));
      return recorder.receivedCount("A") === sent.length;
    });
    expectSameBytes(recorder.received("A"), sent);
  });

  it("a paused connection still sends", () => {
    const engine = bench.engine();
    const { peer, connection } = bench.connected(engine, new Recorder());
    connection.pause();
    connection.send(pattern(BIG));
    const { read, count } = reader(peer);
    turnUntil(engine, () => {
      read();
      return count() === BIG;
    }, 10_000);
  });

  it("end() sends FIN after everything queued; receiving goes on until the peer ends", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    const sent = pattern(BIG);
    connection.send(sent);
    connection.end();
    const queued = connection.queued;
    expect(queued).toBeGreaterThan(0);
    expect(connection.send(encode("too late"))).toBe(queued);
    const { read, bytes, ended } = reader(peer);
    turnUntil(engine, () => {
      while (read() > 0);
      return ended();
    }, 10_000);
    expectSameBytes(bytes(), sent);
    expect(connection.closed).toBe(false);
    peer.send(encode("still heard"));
    turnUntil(engine, () => recorder.receivedCount("A") === 11);
    peer.shutdown("write");
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.calls.slice(-3)).toEqual(["data A 11", "end A", "close A"]);
    expect(recorder.errors.get("A")).toBe(null);
  });

  it("after the peer's FIN a queue is still sent, then end() closes", () => {
    const engine = bench.engine();
    const recorder = new Recorder({ end: (connection) => connection.end() });
    const { peer, connection } = bench.connected(engine, recorder);
    const sent = pattern(BIG);
    connection.send(sent);
    peer.shutdown("write");
    turnUntil(engine, () => recorder.count("end") === 1);
    expect(connection.closed).toBe(false);
    const { read, bytes, ended } = reader(peer);
    turnUntil(engine, () => {
      while (read() > 0);
      return ended();
    }, 10_000);
    expectSameBytes(bytes(), sent);
    expect(recorder.errors.get("A")).toBe(null);
  });

  it("after the peer's FIN, without end(), the connection stays open and can send", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    peer.shutdown("write");
    turnUntil(engine, () => recorder.count("end") === 1);
    const wakeups = engine.counters.slots[COUNTER.wakeups]!;
    turnFor(engine, 50);
    expect(engine.counters.slots[COUNTER.wakeups]! - wakeups).toBeLessThan(30); // no spin on EOF
    connection.send(encode("late"));
    turnBriefly(engine, 0);
    expect(receive(peer, 4)).toEqual(encode("late"));
    expect(recorder.count("end")).toBe(1);
  });

  it("a send to a peer that has reset: no exception, close with the error", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    peer.setLinger(0);
    peer.close();
    expect(connection.send(encode("x"))).toBe(0);
    expect(recorder.count("close")).toBe(0); // after this, not within
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(/E(CONNRESET|PIPE)/.test(recorder.calls.at(-1)!)).toBe(true);
  });
}
