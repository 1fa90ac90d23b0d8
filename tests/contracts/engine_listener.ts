// Listeners: who is admitted, how many a turn, and what happens when the descriptors run out.
import { expect, it } from "bun:test";
import { COUNTER } from "../../lib/engine/mod.ts";
import { type Address, formatAddress, Socket } from "../../lib/net/mod.ts";
import { type CreateEngine, engineBench, Recorder } from "../support/engines.ts";
import { turnFor, turnUntil } from "../support/engines.ts";
import { TempDir } from "../support/files.ts";
import { encode, receive, thrownBy } from "../support/sockets.ts";
import { itUnless, NO_RESETS, NO_UNIX_SOCKETS } from "../support/systems.ts";

export function listenerCases(create: CreateEngine): void {
  const bench = engineBench(create);

  itUnless(NO_RESETS, "many newcomers at once: a bounded number a turn, and all in the end", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { port } = bench.listen(engine, recorder);
    const peers = Array.from({ length: 200 }, () => bench.dial(port));
    turnUntil(engine, () => recorder.count("open") > 0);
    expect(recorder.count("open")).toBeLessThanOrEqual(64);
    turnUntil(engine, () => recorder.count("open") === 200);
    expect(engine.active).toBe(200);
    expect(engine.counters.slots[COUNTER.accepted]).toBe(200);
    expect(engine.counters.slots[COUNTER.active]).toBe(200);
    for (const peer of peers) peer.setLinger(0);
    for (const peer of peers) peer.close();
    turnUntil(engine, () => recorder.count("close") === 200);
    expect(engine.active).toBe(0);
    expect(engine.counters.slots[COUNTER.closed]).toBe(200);
  });

  it("admit() that says no: closed at once, counted, without a call or a state", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    let admitted = 0;
    const { port } = bench.listen(engine, recorder, { admit: () => admitted++ < 1 });
    const [first, second] = [bench.dial(port), bench.dial(port)];
    turnUntil(engine, () => engine.counters.slots[COUNTER.rejected] === 1);
    expect(receive(second, 1).length).toBe(0);
    first.send(encode("x"));
    turnUntil(engine, () => recorder.count("data") === 1);
    expect(recorder.calls).toEqual(["open A", "data A 1"]);
    const { slots } = engine.counters;
    expect([slots[COUNTER.accepted], slots[COUNTER.closed], engine.active]).toEqual([2, 0, 1]);
  });

  it("listener.close(): connects are refused, connections live on", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { port, listener } = bench.listen(engine, recorder);
    const peer = bench.dial(port);
    turnUntil(engine, () => recorder.count("open") === 1);
    listener.close();
    listener.close();
    expect(thrownBy(() => bench.dial(port)).code).toBe("ECONNREFUSED");
    peer.send(encode("x"));
    turnUntil(engine, () => recorder.count("data") === 1);
  });

  it("listener.close() within open: the others of the batch are not accepted", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { port, listener } = bench.listen(engine, recorder);
    recorder.hooks.open = () => listener.close();
    for (let i = 0; i < 3; i++) bench.dial(port);
    turnUntil(engine, () => recorder.count("open") > 0);
    turnFor(engine, 10);
    expect(recorder.count("open")).toBe(1);
  });

  itUnless(NO_RESETS, "a connection that is gone before it is accepted does no harm", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const { port } = bench.listen(engine, recorder);
    const gone = bench.dial(port);
    gone.setLinger(0);
    gone.close();
    const peer = bench.dial(port);
    peer.send(encode("x"));
    turnUntil(engine, () => recorder.count("data") === 1);
    turnUntil(engine, () => engine.active === 1);
  });

  itUnless(NO_RESETS, "a peer that has reset before it is accepted is known by its address", () => {
    const engine = bench.engine();
    const [recorder, denied, names]: [Recorder, string[], string[]] = [new Recorder(), [], []];
    const deny = (peer: Address) => {
      denied.push(formatAddress(peer));
      return denied.length === 1;
    };
    recorder.hooks.open = (connection) => void names.push(connection.peerName);
    const { port } = bench.listen(engine, recorder, { deny, named: true });
    const gone = [bench.dial(port), bench.dial(port)];
    const addresses = gone.map(({ localAddress }) => formatAddress(localAddress));
    for (const peer of gone) peer.setLinger(0);
    for (const peer of gone) peer.close();
    turnUntil(engine, () => recorder.count("open") === 1);
    expect([denied, names]).toEqual([addresses, addresses.slice(1)]);
  });

  itUnless(NO_UNIX_SOCKETS, "two listeners and a Unix socket on one engine", () => {
    using folder = new TempDir();
    const engine = bench.engine();
    const recorder = new Recorder();
    const path = folder.file("s");
    const ports = [bench.listen(engine, recorder).port, bench.listen(engine, recorder).port];
    engine.listen(Socket.listen({ path }), { handler: recorder, state: () => "unix" });
    for (const port of ports) bench.dial(port);
    const peer = bench.keep(Socket.connect({ path, timeoutMs: 1000 }));
    peer.send(encode("x"));
    turnUntil(engine, () => recorder.count("open") === 3 && recorder.count("data") === 1);
    expect(recorder.of("unix")).toBe("open data");
  });
}
