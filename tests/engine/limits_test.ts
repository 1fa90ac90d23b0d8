// What an engine does at the limits of the process and of its selector.
import { describe, expect } from "bun:test";
import { COUNTER, createEngine, engineMissing } from "../../lib/engine/mod.ts";
import { Socket } from "../../lib/net/mod.ts";
import { availableSelectors } from "../../lib/selectors/mod.ts";
import { engineBench, Recorder, turnFor, turnUntil } from "../support/engines.ts";
import { Program } from "../support/programs.ts";
import { acceptSoon, duplicate, encode, portOf, receive } from "../support/sockets.ts";
import { itUnless, NO_CHOICE_OF_NUMBERS, NO_LIMITS } from "../support/systems.ts";

describe("an engine without descriptors", () => {
  for (const { name, available } of availableSelectors()) {
    if (!available) continue;
    itUnless(
      NO_LIMITS,
      `${name}: pauses without spinning, reports once, goes on when one is free`,
      async () => {
        const program = new Program("engine_exhausted.ts", [name]);
        const seen = JSON.parse(await program.line());
        await program.ended;
        expect(seen.before).toBe(3);
        expect(seen.turns).toBeLessThan(40); // a retry each 100 ms
        expect(seen.cpuMs).toBeLessThan(150);
        expect(seen.turnsToRecover).toBeLessThanOrEqual(4); // not after 100 ms
        expect(seen.opened).toBe(8);
        expect(seen.pauses.length).toBe(1);
        expect(seen.pauses[0]).toMatch(/^Cannot accept a connection: EMFILE \(/);
        expect(seen.counted).toBe(1);
      },
    );
  }
});

describe("createEngine() with too few descriptors", () => {
  for (const engine of ["readiness", "uring"] as const) {
    const missing = NO_LIMITS ?? engineMissing(engine);
    itUnless(missing, `${engine}: keeps none of those that it has opened`, async () => {
      const program = new Program("few_descriptors.ts", [engine]);
      const seen: { made: boolean; leaked: number }[] = JSON.parse(await program.line());
      await program.ended;
      expect(seen.map(({ leaked }) => leaked)).toEqual([0, 0, 0, 0]);
      expect(seen[0]!.made).toBe(false);
      expect(seen[1]!.made).toBe(false); // the second of two can't be opened
      expect(seen[3]!.made).toBe(true);
    });
  }
});

describe("an engine over select", () => {
  const bench = engineBench((options) => createEngine({ ...options, selector: "select" }));
  /** Takes every number below FD_SETSIZE. */
  const crowd = () => {
    for (let fd = 0; fd < 1023;) fd = bench.keep(duplicate(0)).fileno();
  };

  itUnless(
    NO_CHOICE_OF_NUMBERS,
    "a connection above FD_SETSIZE is closed and counted; reported once; the others live on",
    () => {
      const engine = bench.engine();
      const recorder = new Recorder({ data: (connection, bytes) => void connection.send(bytes) });
      const reported: string[] = [];
      const { port } = bench.listen(engine, recorder, {
        refused: (error) => reported.push(error.message),
      });
      const peer = bench.dial(port);
      turnUntil(engine, () => recorder.count("open") === 1);
      crowd();
      const beyond = [bench.dial(port), bench.dial(port)];
      turnUntil(engine, () => recorder.count("close") === 2);
      for (const socket of beyond) expect(receive(socket, 1).length).toBe(0);
      expect(recorder.of("B")).toBe("close"); // without open, as a connect that failed
      expect(recorder.errors.get("B")!.code).toBe("EMFILE");
      expect(engine.counters.errors()).toEqual([[recorder.errors.get("B")!.errno, 2]]);
      expect(reported.length).toBe(1);
      expect(reported[0]).toMatch(/FD_SETSIZE is 1024/);
      expect([engine.active, engine.counters.slots[COUNTER.closed]]).toEqual([1, 2]);
      peer.send(encode("alive"));
      expect(receiveWhileTurning(peer, 5)).toBe("alive");

      function receiveWhileTurning(socket: Socket, length: number): string {
        turnFor(engine, 10);
        return new TextDecoder().decode(receive(socket, length));
      }
    },
  );

  itUnless(NO_CHOICE_OF_NUMBERS, "a connect above FD_SETSIZE fails as one that is refused", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const listener = bench.keep(Socket.listen({ host: "127.0.0.1" }));
    crowd();
    engine.connect({ host: "127.0.0.1", port: portOf(listener) }, recorder, "A");
    expect(recorder.calls).toEqual([]);
    turnFor(engine, 10);
    expect(recorder.calls).toEqual(["close A EMFILE"]);
    bench.keep(acceptSoon(listener));
  });
});
