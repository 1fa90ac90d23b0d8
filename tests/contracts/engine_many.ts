// Several connections on one engine: none gets in another's way.
import { expect, it } from "bun:test";
import type { Connection } from "../../lib/engine/mod.ts";
import { type CreateEngine, engineBench, Recorder } from "../support/engines.ts";
import { turnBriefly, turnFor, turnUntil } from "../support/engines.ts";
import { encode, fill } from "../support/sockets.ts";

const RECEIVE_BYTES = 4096;

export function manyCases(create: CreateEngine): void {
  const bench = engineBench(create);

  it("two connections: a flood on one does not hold up the other", () => {
    const engine = bench.engine({ receiveBytes: RECEIVE_BYTES });
    const recorder = new Recorder();
    const { port } = bench.listen(engine, recorder);
    const flood = bench.dial(port);
    turnUntil(engine, () => recorder.count("open") === 1);
    const quiet = bench.dial(port);
    turnUntil(engine, () => recorder.count("open") === 2);
    let flooded = 0;
    for (let round = 0; round < 5; round++) {
      flooded += fill(flood);
      quiet.send(encode("!"));
      const before = recorder.receivedCount("A");
      turnUntil(engine, () => recorder.count("data", "B") === round + 1);
      // A turn's worth of the flood: one receive, or as many as the kernel makes of one request (32).
      const meanwhile = recorder.receivedCount("A") - before;
      expect(meanwhile).toBeLessThanOrEqual(2 * 32 * RECEIVE_BYTES);
      turnBriefly(engine);
    }
  });

  it("a closed connection's descriptor, re-used within the batch, gets none of its events", () => {
    const engine = bench.engine();
    const open = new Map<string, Connection<string>>();
    const recorder = new Recorder({
      open: (connection) => void open.set(connection.state, connection),
    });
    const { port } = bench.listen(engine, recorder);
    const peers = [bench.dial(port), bench.dial(port)];
    turnUntil(engine, () => open.size === 2);
    recorder.hooks.data = (connection) => {
      const other = open.get(connection.state === "A" ? "B" : "A")!;
      if (other.closed) return;
      other.close();
      engine.connect({ host: "127.0.0.1", port }, recorder, "re-used"); // takes the free number
    };
    for (const peer of peers) peer.send(encode("both ready in one batch"));
    turnUntil(engine, () => recorder.count("close") === 1 && recorder.count("open") === 4);
    turnFor(engine, 10);
    expect(recorder.count("data")).toBe(1);
    expect(recorder.of("re-used")).toBe("open");
  });
}
