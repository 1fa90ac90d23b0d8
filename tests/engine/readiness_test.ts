// The contract suite for the readiness engine over every selector that this system has. What differs
// between runtimes is below the selectors: Deno and Node try the one that the commands use, and so does Bun,
// beside the one that is most unlike it, without IOMUX_TEST_FULL.
import { describe, expect, it } from "bun:test";
import { createEngine } from "../../lib/engine/mod.ts";
import { availableSelectors } from "../../lib/selectors/mod.ts";
import { engineContract } from "../contracts/engine.ts";
import { full } from "../support/runtime.ts";

for (const { name, available } of availableSelectors()) {
  if (!available) continue;
  if (process.versions.bun && (full || name === "select" || name === "wsapoll")) {
    engineContract(name, (options) => createEngine({ ...options, selector: name }));
  }
  if (name !== "epoll") continue;
  engineContract(
    "epoll, edge-triggered",
    (options) => createEngine({ ...options, selector: name, edge: true }),
  );
}

describe("createEngine", () => {
  it("takes readiness where nothing, or auto, is asked for, also where io_uring works", () => {
    for (const options of [{}, { engine: "auto" }] as const) {
      const engine = createEngine(options);
      expect(engine.kind).toBe("readiness");
      engine.close();
    }
  });

  it("says which selector it uses", () => {
    const engine = createEngine({ selector: "select" });
    expect(engine.selector).toBe("select");
    engine.close();
  });
});
