// A send that fails says nothing of what the peer had sent before: all of that is delivered first.
import { expect, it } from "bun:test";
import { COUNTER } from "../../lib/engine/mod.ts";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import { bytesInTransit } from "../../lib/sys/socket/sockets.ts";
import { system } from "../../lib/sys/system.ts";
import { type CreateEngine, engineBench, pattern, Recorder } from "../support/engines.ts";
import { expectSameBytes, turnBriefly, turnFor, turnUntil } from "../support/engines.ts";
import { acceptSoon, decode, encode, portOf } from "../support/sockets.ts";
import { itUnless } from "../support/systems.ts";
import { block, settles } from "../support/waiting.ts";

/** A reset empties the peer's receive queue elsewhere. */
const NO_LAST_WORDS = system === "linux" ? undefined : "only Linux keeps what came before a reset";
/** More than is sent from a copy, so that either engine sends it at once. */
const LARGE = 16 * 1024;

/** Sends, and resets once the other side's kernel has all of it. */
function sendAndReset(peer: Socket, bytes: Uint8Array): void {
  expect(peer.send(bytes)).toBe(bytes.length);
  expect(settles(() => bytesInTransit(peer.fileno()), 0)).toBe(0);
  peer.setLinger(0);
  peer.close();
  block(5); // the loopback delivers at once, but may do so on another processor
}

export function lastWordsCases(create: CreateEngine): void {
  const bench = engineBench(create);

  for (const [size, bytes] of [["small", encode("x")], ["large", pattern(LARGE)]] as const) {
    itUnless(NO_LAST_WORDS, `a ${size} send to a peer that has reset: data, then one close`, () => {
      const engine = bench.engine();
      const recorder = new Recorder();
      const { peer, connection } = bench.connected(engine, recorder);
      sendAndReset(peer, encode("last words"));
      expect(connection.send(bytes)).toBe(0);
      turnUntil(engine, () => recorder.count("close") === 1);
      turnFor(engine, 5);
      expect(recorder.of("A")).toBe("open data close");
      expect(decode(recorder.received("A"))).toBe("last words");
      expect(recorder.errors.get("A")?.code).toBe("ECONNRESET");
      expect([engine.active, engine.counters.errors().length]).toEqual([0, 1]);
    });
  }

  itUnless(NO_LAST_WORDS, "it is closed for its handler from the send on that failed", () => {
    const engine = bench.engine();
    const seen: [boolean, number][] = [];
    const recorder = new Recorder({
      data: (connection) => void seen.push([connection.closed, connection.send(encode("more"))]),
    });
    const { peer, connection } = bench.connected(engine, recorder);
    sendAndReset(peer, encode("last words"));
    connection.send(pattern(LARGE));
    expect([connection.closed, connection.queued]).toEqual([true, 0]);
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(seen).toEqual([[true, 0]]);
  });

  itUnless(
    NO_LAST_WORDS,
    "what came before it was known to be connected: open, data, close",
    () => {
      const engine = bench.engine();
      const recorder = new Recorder();
      const listener = bench.keep(Socket.listen({ host: "127.0.0.1" }));
      engine.connect({ port: portOf(listener) }, recorder, "A");
      sendAndReset(bench.keep(acceptSoon(listener)), encode("last words"));
      turnUntil(engine, () => recorder.count("close") === 1);
      expect(recorder.of("A")).toBe("open data close");
      expect(decode(recorder.received("A"))).toBe("last words");
      expect(recorder.errors.get("A")?.code).toBe("ECONNRESET");
    },
  );

  itUnless(NO_LAST_WORDS, "much that came before a reset is delivered whole, in order", () => {
    const engine = bench.engine({ receiveBytes: 4096 });
    const recorder = new Recorder({ data: (connection, bytes) => connection.send(bytes) });
    const { peer } = bench.connected(engine, recorder);
    const bytes = pattern(60_000);
    sendAndReset(peer, bytes);
    turnUntil(engine, () => recorder.count("close") === 1);
    expectSameBytes(recorder.received("A"), bytes);
    expect(recorder.errors.get("A")?.code).toBe("ECONNRESET");
  });

  itUnless(NO_LAST_WORDS, "the same behind output that a peer never read", () => {
    const engine = bench.engine({ maxQueued: 1 << 20 });
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    turnUntil(engine, () => (connection.send(pattern(1 << 20)), connection.queued > 1 << 20));
    turnBriefly(engine, 0);
    sendAndReset(peer, encode("last words"));
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(decode(recorder.received("A"))).toBe("last words");
    expect(recorder.count("close")).toBe(1);
    expect(engine.counters.slots[COUNTER.cut]).toBe(0); // the peer has cut it
  });

  it("a peer that has ended and closed, and is sent to twice: data, then one close", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    peer.send(encode("last words"));
    peer.close();
    connection.send(pattern(LARGE));
    block(5);
    turnUntil(engine, () => {
      connection.send(encode("x"));
      return recorder.count("close") === 1;
    });
    expect(decode(recorder.received("A"))).toBe("last words");
    expect(recorder.count("close")).toBe(1);
  });

  itUnless(NO_LAST_WORDS, "a Unix socket whose peer has closed: data, then one close", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const [ours, peer] = socketPair();
    const released = { fd: ours.detach(), bytes: encode("first "), waits: true };
    const connection = engine.adopt(released, recorder, "A");
    recorder.open(connection);
    peer.send(encode("last words"));
    peer.close();
    connection.send(pattern(LARGE));
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(decode(recorder.received("A"))).toBe("first last words");
    expect(recorder.errors.get("A")?.code).toBe("EPIPE");
  });

  itUnless(
    NO_LAST_WORDS,
    "a peer that reads no more and goes on sending is closed all the same",
    () => {
      const engine = bench.engine();
      const recorder = new Recorder({ data: () => void peer.send(encode("more")) });
      const [ours, peer] = socketPair();
      bench.keep(peer);
      const connection = engine.adopt({ fd: ours.detach(), bytes: encode("") }, recorder, "A");
      recorder.open(connection);
      peer.send(encode("last words"));
      peer.shutdown("read");
      connection.send(pattern(LARGE));
      turnUntil(engine, () => recorder.count("close") === 1);
      expect(decode(recorder.received("A")).startsWith("last words")).toBe(true);
      expect(recorder.errors.get("A")?.code).toBe("EPIPE");
    },
  );

  itUnless(NO_LAST_WORDS, "a paused connection is closed at once, and nothing is delivered", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer, connection } = bench.connected(engine, recorder);
    connection.pause();
    turnBriefly(engine, 0);
    sendAndReset(peer, encode("last words"));
    connection.send(encode("x"));
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.of("A")).toBe("open close");
    expect(recorder.errors.get("A")?.code).toBe("ECONNRESET");
  });

  itUnless(NO_LAST_WORDS, "close() among the last words is the one close, with the error", () => {
    const engine = bench.engine({ receiveBytes: 512 });
    const recorder = new Recorder({ data: (connection) => connection.close() });
    const { peer, connection } = bench.connected(engine, recorder);
    sendAndReset(peer, pattern(2000));
    connection.send(pattern(LARGE));
    turnUntil(engine, () => recorder.count("close") === 1);
    turnFor(engine, 5);
    expect(recorder.of("A")).toBe("open data close");
    expect(recorder.errors.get("A")?.code).toBe("ECONNRESET");
  });
}
