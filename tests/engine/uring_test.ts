// The contract suite for the io_uring engine, where the system has io_uring.
import { describe, expect, it } from "bun:test";
import { createEngine, engineMissing } from "../../lib/engine/mod.ts";
import { NEWER_FEATURES } from "../../lib/sys/linux/uring.ts";
import { engineContract } from "../contracts/engine.ts";
import { engineBench, Recorder, turnBriefly, turnUntil } from "../support/engines.ts";
import { encode } from "../support/sockets.ts";

const missing = engineMissing("uring");
if (missing === undefined) {
  engineContract("io_uring", (options) => createEngine({ ...options, engine: "uring" }), false);
  engineContract("io_uring as of Linux 5.19", (options) => {
    const { deferredWork, multishotReceive } = NEWER_FEATURES;
    NEWER_FEATURES.deferredWork = NEWER_FEATURES.multishotReceive = false;
    try {
      return createEngine({ ...options, engine: "uring" });
    } finally {
      Object.assign(NEWER_FEATURES, { deferredWork, multishotReceive });
    }
  }, false);

  describe("the batches of an io_uring", () => {
    const bench = engineBench((options) => createEngine({ ...options, engine: "uring" }));

    it("one turn brings what waits on sixty connections, of which a call of the kernel brings 20", () => {
      const engine = bench.engine();
      const recorder = new Recorder();
      const { port } = bench.listen(engine, recorder);
      const peers = Array.from({ length: 60 }, () => bench.dial(port));
      turnUntil(engine, () => recorder.count("open") === peers.length);
      turnBriefly(engine); // hands in the requests to receive
      for (const peer of peers) peer.send(encode("!"));
      turnBriefly(engine);
      expect(recorder.count("data")).toBe(peers.length);
    });
  });
} else console.log(`not run: the contract of engines on io_uring: ${missing}`);
