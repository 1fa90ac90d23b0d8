/** The body of a generator thread. */
import { Counters, createEngine } from "../../engine/mod.ts";
import { alternate, tlsClient } from "../../tls/mod.ts";
import { Load } from "./load.ts";
import type { LoadData, LoadMessage } from "../plan/plan.ts";
import { warmUp } from "./warm_up.ts";

/** Runs a thread's part of the load. Blocks its thread. */
export async function runLoad(
  data: LoadData,
  post: (message: LoadMessage) => void,
): Promise<void> {
  warmUp(data.plan, (warming, engine, ignore) => new Load(warming, engine).run(ignore));
  const { clientSelector: selector, tls: options } = data.plan;
  const tls = options && tlsClient(options);
  const engine = createEngine({ selector, counters: new Counters(data.counters), edge: true });
  const result = await alternate(new Load(data, engine, tls).run(post), engine, tls);
  tls?.free();
  post({ type: "result", result });
}
