/** The body of a generator thread. */
import { Counters, createEngine } from "../../engine/mod.ts";
import { tlsClient } from "../../tls/mod.ts";
import { Load } from "./load.ts";
import type { LoadData, LoadMessage } from "../plan/plan.ts";
import { warmUp } from "./warm_up.ts";

/** Runs a thread's part of the load. Blocks its thread. */
export function runLoad(data: LoadData, post: (message: LoadMessage) => void): void {
  warmUp(
    data.plan,
    (warming, engine, ignore, answer) => new Load(warming, engine).run(ignore, answer),
  );
  const { clientSelector: selector, tls: options } = data.plan;
  const tls = options && tlsClient(options);
  const engine = createEngine({ selector, counters: new Counters(data.counters), edge: true });
  const result = new Load(data, engine, tls).run(post);
  tls?.free();
  post({ type: "result", result });
}
