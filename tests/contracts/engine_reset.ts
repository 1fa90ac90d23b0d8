// Ending a connection by a reset, and knowing what has reached the peer before that.
import { expect, it } from "bun:test";
import { COUNTER } from "../../lib/engine/mod.ts";
import type { OSError, Socket } from "../../lib/net/mod.ts";
import { type CreateEngine, engineBench, pattern, Recorder } from "../support/engines.ts";
import { expectSameBytes, turnFor, turnUntil } from "../support/engines.ts";
import { encode, fill, receive } from "../support/sockets.ts";
import { itUnless, NO_RESETS, onWindows } from "../support/systems.ts";
import { settles } from "../support/waiting.ts";

const buffer = new Uint8Array(new ArrayBuffer(1 << 18));

/** What a peer reads now: a number of bytes, 0 at the end, -1 for nothing; or an error's code. */
function reads(peer: Socket): number | string {
  try {
    return peer.recv(buffer);
  } catch (error) {
    return (error as OSError).code;
  }
}

/** Reads all there is, and returns how it ended: "0", "-1" for not yet, or an error's code. */
function readsToTheEnd(peer: Socket): string {
  for (let read = reads(peer);; read = reads(peer)) {
    if (typeof read === "string") return read;
    if (read <= 0) return String(read);
  }
}

export function resetCases(create: CreateEngine): void {
  const bench = engineBench(create);

  itUnless(NO_RESETS, "reset() sends RST after what the peer has, and closes in order", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    connection.send(encode("last"));
    turnFor(engine, 1);
    expect(settles(() => connection.unacknowledged, 0)).toBe(0);
    expect(receive(peer, 4)).toEqual(encode("last"));
    connection.reset();
    expect(connection.closed).toBe(true);
    turnUntil(engine, () => recorder.count("close") === 1);
    turnFor(engine, 1);
    expect(settles(() => reads(peer), "ECONNRESET")).toBe("ECONNRESET");
    expect(recorder.errors.get("A")).toBe(null);
    expect(engine.active).toBe(0);
  });

  itUnless(NO_RESETS, "reset() from within a call, and again, is one close", () => {
    const engine = bench.engine();
    const recorder = new Recorder({
      data: (connection) => {
        connection.reset();
        connection.reset();
        connection.close();
        expect(connection.send(encode("too late"))).toBe(0);
      },
    });
    const { peer } = bench.connected(engine, recorder);
    peer.send(encode("x"));
    turnUntil(engine, () => recorder.count("close") === 1);
    turnFor(engine, 10);
    expect(recorder.of("A")).toBe("open data close");
    expect(settles(() => reads(peer), "ECONNRESET")).toBe("ECONNRESET");
  });

  itUnless(NO_RESETS, "reset() drops what is queued, and what the peer sent", () => {
    const engine = bench.engine();
    const recorder = new Recorder({ data: (connection) => connection.pause() });
    const { peer, connection } = bench.connected(engine, recorder);
    connection.send(pattern(12 << 20));
    peer.send(encode("x"));
    turnUntil(engine, () => recorder.count("data") === 1);
    fill(peer);
    expect(connection.queued).toBeGreaterThan(0);
    connection.reset();
    expect([connection.queued, connection.unacknowledged]).toEqual([0, 0]);
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(settles(() => readsToTheEnd(peer), "ECONNRESET", 5000)).toBe("ECONNRESET");
  });

  itUnless(
    NO_RESETS,
    "close() with output still queued is a reset: a cut stream never looks whole",
    () => {
      const engine = bench.engine();
      const recorder = new Recorder();
      const { peer, connection } = bench.connected(engine, recorder);
      turnUntil(engine, () => (connection.send(pattern(1 << 20)), connection.queued > 0));
      connection.close();
      turnUntil(engine, () => recorder.count("close") === 1);
      expect(recorder.errors.get("A")).toBe(null);
      expect(engine.counters.slots[COUNTER.cut]).toBe(1);
      expect(settles(() => readsToTheEnd(peer), "ECONNRESET", 5000)).toBe("ECONNRESET");
    },
  );

  it("close() with all handed to the kernel is FIN behind all of it", () => {
    const engine = bench.engine();
    const { peer, connection } = bench.connected(engine, new Recorder());
    const bytes = pattern(100_000);
    connection.send(bytes);
    turnUntil(engine, () => connection.queued === 0);
    connection.close();
    turnFor(engine, 5);
    expect(engine.counters.slots[COUNTER.cut]).toBe(0);
    expectSameBytes(receive(peer, bytes.length + 1), bytes);
  });

  it("unacknowledged is what a peer that does not read has no room for", () => {
    if (onWindows) return console.log("not run: unacknowledged: Windows does not say");
    const engine = bench.engine();
    const { peer, connection } = bench.connected(engine, new Recorder());
    expect(connection.unacknowledged).toBe(0);
    const queued = connection.send(pattern(12 << 20));
    const { unacknowledged } = connection;
    expect(unacknowledged).toBeGreaterThan(0);
    expect(unacknowledged).toBeLessThanOrEqual((12 << 20) - queued);
    const left = () => {
      while (Number(reads(peer)) > 0);
      turnFor(engine, 5);
      return connection.unacknowledged + connection.queued;
    };
    expect(settles(left, 0, 8000)).toBe(0);
    connection.close();
    expect(connection.unacknowledged).toBe(0);
  });

  it("transportInfo() is what the kernel knows of the connection, and null once it is closed", () => {
    const engine = bench.engine();
    const { connection } = bench.connected(engine, new Recorder());
    const info = connection.transportInfo();
    connection.close();
    expect(connection.transportInfo()).toBe(null);
    if (info === null) return console.log("not run: transportInfo(): the system does not say");
    expect(info.congestionWindow).toBeGreaterThan(0);
    expect(info.retransmits).toBe(0);
  });
}
