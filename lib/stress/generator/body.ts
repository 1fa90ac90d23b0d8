/** The body of a generator thread. */
import { Counters, createEngine } from "../../engine/mod.ts";
import { tlsClient } from "../../tls/mod.ts";
import { Load } from "./load.ts";
import type { LoadData, LoadMessage } from "../plan/plan.ts";
import { runPhases } from "./phases.ts";
import { engineOf, warmUp } from "./warm_up.ts";

/** Runs a thread's part of the load. Blocks its thread. */
export function runLoad(data: LoadData, post: (message: LoadMessage) => void): void {
  warmUp(data.plan, (warming, engine, ignore, between) => {
    runPhases(new Load(warming, engine), ignore, between);
  });
  const { tls: options } = data.plan;
  const tls = options && tlsClient(options);
  const engine = createEngine(engineOf(data.plan, new Counters(data.counters)));
  const result = runPhases(new Load(data, engine, tls), post);
  tls?.free();
  post({ type: "result", result });
}
