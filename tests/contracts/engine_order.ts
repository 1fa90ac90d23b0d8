// open, then data, writable and end, then close exactly once, whatever happens. The Recorder checks the
// order itself; the tests bring about the cases.
import { expect, it } from "bun:test";
import type { Connection } from "../../lib/engine/mod.ts";
import { getAvailablePort, Socket } from "../../lib/net/mod.ts";
import { POLLIN } from "../../lib/sys/constants.ts";
import { pollFor } from "../../lib/sys/poll.ts";
import { type CreateEngine, engineBench, pattern, Recorder } from "../support/engines.ts";
import { expectSameBytes, turnBriefly, turnFor, turnUntil } from "../support/engines.ts";
import { acceptSoon, encode, portOf, receive, thrownBy } from "../support/sockets.ts";
import { itUnless, NO_FULL_BACKLOG, NO_RESETS, NO_UNIX_SOCKETS } from "../support/systems.ts";

export function orderCases(create: CreateEngine): void {
  const bench = engineBench(create);

  it("a peer that sends and ends: open, data, end, and close once our side has ended", () => {
    const engine = bench.engine();
    const recorder = new Recorder({ end: (connection) => connection.end() });
    const { peer } = bench.connected(engine, recorder);
    peer.send(encode("hello"));
    peer.shutdown("write");
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.calls).toEqual(["open A", "data A 5", "end A", "close A"]);
    turnBriefly(engine, 0); // the socket itself is closed with the next turn at the latest
    expect(receive(peer, 1).length).toBe(0);
  });

  itUnless(NO_RESETS, "a peer that resets: close with ECONNRESET, counted", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer } = bench.connected(engine, recorder);
    peer.setLinger(0);
    peer.close();
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.calls).toEqual(["open A", "close A ECONNRESET"]);
    expect(recorder.errors.get("A")!.syscall).toBe("recv");
    expect(engine.counters.errors()).toEqual([[recorder.errors.get("A")!.errno, 1]]);
  });

  itUnless(NO_RESETS, "data that came before a reset is delivered before close", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer } = bench.connected(engine, recorder);
    const sent = pattern(150_000);
    const taken = peer.send(sent);
    peer.setLinger(0);
    peer.close();
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.calls.at(-1)).toBe("close A ECONNRESET");
    // Linux keeps what had arrived; what was still in the sender's buffer dies with the reset.
    const received = recorder.received("A");
    expect(received.length).toBeGreaterThan(0);
    expectSameBytes(received, sent.subarray(0, Math.min(received.length, taken)));
  });

  it("data that came with FIN is delivered before end", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { peer } = bench.connected(engine, recorder);
    const sent = pattern(300_000);
    for (let at = 0; at < sent.length;) {
      at += Math.max(0, peer.send(sent, at));
      turnFor(engine, 1);
    }
    peer.close();
    turnUntil(engine, () => recorder.count("end") === 1);
    expectSameBytes(recorder.received("A"), sent);
  });

  it("a connect: open, and the peer's bytes", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const listener = bench.keep(Socket.listen({ host: "127.0.0.1" }));
    engine.connect({ host: "127.0.0.1", port: portOf(listener) }, recorder, "A");
    expect(recorder.calls).toEqual([]); // not from within connect()
    turnUntil(engine, () => recorder.count("open") === 1);
    const peer = bench.keep(acceptSoon(listener));
    peer.send(encode("hi"));
    turnUntil(engine, () => recorder.count("data") === 1);
    expect(recorder.calls).toEqual(["open A", "data A 2"]);
  });

  it("a refused connect: close without open, and not from within connect()", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const connection = engine.connect(
      { host: "127.0.0.1", port: getAvailablePort() },
      recorder,
      "A",
    );
    expect(recorder.calls).toEqual([]);
    expect(connection.send(encode("x"))).toBeLessThanOrEqual(1);
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.calls).toEqual(["close A ECONNREFUSED"]);
    expect(recorder.errors.get("A")!.message).toMatch(/^Cannot connect to 127\.0\.0\.1:\d+: ECONN/);
    expect(connection.closed).toBe(true);
    expect(engine.active).toBe(0);
  });

  // As one to another machine is: Linux sends the segment again after a second, and nobody listens any more.
  itUnless(
    NO_FULL_BACKLOG,
    "a connect that is refused later is named like one that is at once",
    () => {
      const engine = bench.engine();
      const recorder = new Recorder();
      const full = bench.keep(Socket.listen({ host: "127.0.0.1", backlog: 0 }));
      const port = portOf(full);
      for (let i = 0; i < 4; i++) bench.keep(Socket.connect({ host: "127.0.0.1", port }));
      const connection = engine.connect({ host: "127.0.0.1", port }, recorder, "A");
      turnBriefly(engine);
      full.close();
      turnUntil(engine, () => recorder.count("close") === 1);
      expect(recorder.calls).toEqual(["close A ECONNREFUSED"]);
      expect(recorder.errors.get("A")!.message).toBe(
        `Cannot connect to 127.0.0.1:${port}: ECONNREFUSED (connection refused)`,
      );
      expect([connection.closed, engine.active]).toEqual([true, 0]);
    },
  );

  itUnless(NO_UNIX_SOCKETS, "a connect to a Unix path where nothing is: close without open", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    engine.connect({ path: "/tmp/iomux-nothing-is-here" }, recorder, "A");
    expect(recorder.calls).toEqual([]);
    turnUntil(engine, () => recorder.count("close") === 1);
    expect(recorder.calls).toEqual(["close A ENOENT"]);
  });

  it("a connect with wrong arguments throws, and leaves nothing behind", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const connect = () => engine.connect({ host: "127.0.0.1", port: 70_000 }, recorder, "A");
    expect(thrownBy(connect).name).toBe("RangeError");
    expect(engine.active).toBe(0);
    turnFor(engine, 10);
    expect(recorder.calls).toEqual([]);
  });

  it("close() right after connect(): close without open", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const listener = bench.keep(Socket.listen({ host: "127.0.0.1" }));
    engine.connect({ host: "127.0.0.1", port: portOf(listener) }, recorder, "A").close();
    turnFor(engine, 10);
    expect(recorder.calls).toEqual(["close A"]);
  });

  it("send() and end() before a connect is through: all is sent after open, then FIN", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const listener = bench.keep(Socket.listen({ host: "127.0.0.1" }));
    const to = { host: "127.0.0.1", port: portOf(listener) };
    const sending = engine.connect(to, recorder, "A");
    expect(sending.send(encode("early"))).toBe(5);
    sending.end();
    const silent = engine.connect(to, recorder, "B");
    silent.end();
    turnUntil(engine, () => recorder.count("open") === 2 && sending.queued === 0);
    const peers = [bench.keep(acceptSoon(listener)), bench.keep(acceptSoon(listener))];
    const texts = peers.map((peer) => new TextDecoder().decode(receive(peer, 100)));
    expect(texts.toSorted()).toEqual(["", "early"]);
    for (const peer of peers) peer.close();
    turnUntil(engine, () => recorder.count("close") === 2);
    expect(recorder.calls.slice(-2).toSorted()).toEqual(["close A", "close B"]);
  });

  it("end() while the peer does not answer yet: FIN follows once connected", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const listener = bench.keep(Socket.listen({ host: "127.0.0.1", backlog: 0 }));
    const to = { host: "127.0.0.1", port: portOf(listener) };
    const first = bench.keep(Socket.connect({ ...to, timeoutMs: 1000 }));
    expect(pollFor(listener.fileno(), POLLIN, 5000)).toBeGreaterThan(0); // it fills the backlog by now
    engine.connect(to, recorder, "A").end();
    turnFor(engine, 20);
    expect(recorder.calls).toEqual([]);
    bench.keep(acceptSoon(listener));
    turnUntil(engine, () => recorder.count("open") === 1); // the kernel asks again after a second
    expect(receive(bench.keep(acceptSoon(listener)), 1).length).toBe(0);
    first.close();
  });

  for (const where of ["open", "data", "writable", "end", "close"] as const) {
    it(`close() within ${where}: close once, after that call has returned`, () => {
      const engine = bench.engine();
      const big = new Uint8Array(new ArrayBuffer(8 << 20));
      const recorder = new Recorder({
        data: (connection) => void connection.send(big),
        [where]: (connection: Connection<string>) => {
          connection.close();
          expect(connection.closed).toBe(true);
          connection.close();
        },
      });
      const { peer } = bench.connected(engine, recorder);
      if (where === "data" || where === "writable") peer.send(encode("x"));
      if (where === "end" || where === "close") peer.shutdown("write");
      if (where === "close") {
        turnUntil(engine, () => recorder.count("end") === 1);
        peer.setLinger(0);
        engine.close();
      }
      turnUntil(engine, () => {
        if (where === "writable") peer.recv(new Uint8Array(new ArrayBuffer(1 << 20)));
        return recorder.count("close") === 1;
      });
      if (where !== "close") turnFor(engine, 10);
      expect(recorder.count("close")).toBe(1);
      expect(recorder.calls.at(-1)).toBe("close A");
    });
  }

  it("everything is harmless after close", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { connection } = bench.connected(engine, recorder);
    connection.close();
    const use = () => {
      expect(connection.send(encode("x"))).toBe(0);
      connection.pause();
      connection.resume();
      connection.end();
      connection.close();
      expect([connection.queued, connection.closed]).toEqual([0, true]);
    };
    use();
    turnFor(engine, 10);
    use();
    turnFor(engine, 10);
    expect(recorder.of("A")).toBe("open close");
  });

  it("engine.close() closes what is open and what is connecting, once, and all listeners", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { port } = bench.listen(engine, recorder);
    const peer = bench.dial(port);
    turnUntil(engine, () => recorder.count("open") === 1);
    const other = bench.keep(Socket.listen({ host: "127.0.0.1" }));
    engine.connect({ host: "127.0.0.1", port: portOf(other) }, recorder, "Z");
    engine.close();
    expect(recorder.of("A")).toBe("open close");
    expect(recorder.of("Z")).toBe("close");
    expect(engine.active).toBe(0);
    expect(receive(peer, 1).length).toBe(0);
    expect(thrownBy(() => bench.dial(port)).code).toBe("ECONNREFUSED");
    engine.close(); // again
    expect(recorder.count("close")).toBe(2);
  });

  it("connect() throws once the engine is being closed, so that nothing is left open", () => {
    const engine = bench.engine();
    const other = bench.keep(Socket.listen({ host: "127.0.0.1" }));
    const to = { host: "127.0.0.1", port: portOf(other) };
    const recorder = new Recorder({
      close: () => {
        const error = thrownBy(() => engine.connect(to, recorder, "B"));
        expect(error.message).toBe("Cannot connect: the engine is closed");
      },
    });
    engine.connect(to, recorder, "A");
    turnUntil(engine, () => recorder.count("open") === 1);
    engine.close();
    expect(recorder.calls).toEqual(["open A", "close A"]);
    expect(engine.active).toBe(0);
  });
}
