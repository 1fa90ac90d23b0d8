/** The body of a generator thread. */
import { Counters, createEngine } from "../../engine/mod.ts";
import { tlsClient } from "../../tls/mod.ts";
import { Load } from "./load.ts";
import type { LoadData, LoadMessage } from "../plan/plan.ts";
import { runPhases } from "./phases.ts";
import { rateProfile } from "../../result/segments.ts";
import { measureTimer } from "./timer_error.ts";
import { engineOf, warmUp } from "./warm_up.ts";

/** So that what sends messages together is compiled before it counts. */
const WARMING_TOGETHER_MS = 0.1;

/** Runs a thread's part of the load. Blocks its thread. */
export function runLoad(data: LoadData, post: (message: LoadMessage) => void): void {
  warmUp(data.plan, (warming, engine, ignore, between) => {
    runPhases(new Load(warming, engine, WARMING_TOGETHER_MS), ignore, between);
  });
  const { tls: options } = data.plan;
  const tls = options && tlsClient(options);
  const engine = createEngine(engineOf(data.plan, new Counters(data.counters)));
  const scheduled = rateProfile(data.plan).length > 0 && data.plan.tickMs === 0;
  const timer = scheduled ? measureTimer(engine) : null;
  const result = runPhases(new Load(data, engine, timer?.togetherMs ?? 0, tls), post);
  tls?.free();
  post({ type: "result", result: { ...result, timer } });
}
