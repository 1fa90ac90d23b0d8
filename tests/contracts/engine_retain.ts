// Lent bytes that are kept beyond `data`, and given back by a send or by hand.
import { it } from "bun:test";
import type { Connection, Engine } from "../../lib/engine/mod.ts";
import { type CreateEngine, engineBench, pattern, Recorder } from "../support/engines.ts";
import { expectSameBytes, turnFor, turnUntil } from "../support/engines.ts";
import { receive } from "../support/sockets.ts";

export function retainCases(create: CreateEngine): void {
  const bench = engineBench(create);

  /** A connection whose bytes are kept, piece by piece. */
  function keeping(engine: Engine) {
    const kept: Uint8Array[] = [];
    let length = 0;
    const recorder = new Recorder({
      data: (_connection: Connection<string>, bytes: Uint8Array) => {
        kept.push(engine.retain(bytes));
        length += bytes.length;
      },
    });
    return { kept, recorder, received: () => length };
  }

  it("retained bytes stay as they are while others arrive, and go out by send()", () => {
    const engine = bench.engine({ receiveBytes: 4096 });
    const { kept, recorder, received } = keeping(engine);
    const { peer, connection } = bench.connected(engine, recorder);
    const bytes = pattern(1_000_000);
    let sent = 0;
    turnUntil(engine, () => {
      sent += Math.max(0, peer.send(bytes.subarray(sent)));
      return received() === bytes.length;
    }, 10_000);
    expectSameBytes(Buffer.concat(kept), bytes);
    const back: Uint8Array[] = [];
    const buffer = new Uint8Array(new ArrayBuffer(1 << 16));
    for (const piece of kept) {
      connection.send(piece);
      turnFor(engine, 0);
    }
    turnUntil(engine, () => {
      for (let n = peer.recv(buffer); n > 0; n = peer.recv(buffer)) back.push(buffer.slice(0, n));
      return back.reduce((total, { length }) => total + length, 0) === bytes.length;
    }, 10_000);
    expectSameBytes(Buffer.concat(back), bytes);
  });

  it("retained bytes can be sent on another connection, within data and later", () => {
    const engine = bench.engine();
    const { kept, recorder } = keeping(engine);
    const { peer: a } = bench.connected(engine, recorder);
    const other = new Recorder({
      data: (connection) => void connection.send(kept.shift()!), // while other bytes are lent
    });
    const { peer: b, connection } = bench.connected(engine, other);
    a.send(pattern(100, 1));
    turnUntil(engine, () => kept.length === 1);
    b.send(pattern(50, 2));
    turnUntil(engine, () => kept.length === 0);
    turnFor(engine, 1);
    expectSameBytes(receive(b, 100), pattern(100, 1));
    a.send(pattern(70, 3));
    turnUntil(engine, () => kept.length === 1);
    connection.send(kept[0]!);
    turnFor(engine, 1);
    expectSameBytes(receive(b, 70), pattern(70, 3));
  });

  it("however much is retained, others are received from; giveBack() is for once", () => {
    const engine = bench.engine({ receiveBytes: 1024 });
    const { kept, recorder, received } = keeping(engine);
    const { peer } = bench.connected(engine, recorder);
    const others = new Recorder();
    const { peer: quiet } = bench.connected(engine, others);
    for (let round = 1; round <= 5000; round++) {
      peer.send(pattern(10, round));
      turnUntil(engine, () => received() === 10 * round);
    }
    quiet.send(pattern(10));
    turnUntil(engine, () => others.count("data") === 1);
    expectSameBytes(kept[0]!, pattern(10, 1).subarray(0, kept[0]!.length));
    for (const piece of kept) {
      engine.giveBack(piece);
      engine.giveBack(piece);
    }
    engine.giveBack(pattern(5));
    peer.send(pattern(2000, 7));
    turnUntil(engine, () => received() === 52_000);
    expectSameBytes(Buffer.concat(kept).subarray(50_000), pattern(2000, 7));
  });
}
