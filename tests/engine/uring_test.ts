// The contract suite for the io_uring engine, where the system has io_uring.
import { UringEngine } from "../../lib/engine/uring/loop.ts";
import { createEngine, engineMissing } from "../../lib/engine/mod.ts";
import { engineContract } from "../contracts/engine.ts";

const missing = engineMissing("uring");
if (missing === undefined) {
  engineContract("io_uring", (options) => createEngine({ ...options, engine: "uring" }), false);
  engineContract(
    "io_uring as of Linux 5.19",
    (options = {}) => new UringEngine(options, true),
    false,
  );
} else console.log(`not run: the contract of engines on io_uring: ${missing}`);
