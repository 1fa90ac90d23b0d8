/** The loop that a plan asks for: closed, or open at a rate. */
import { ClosedLoop } from "./closed_loop.ts";
import { type Lags, OpenLoop } from "./open_loop.ts";
import { type LoadData, shareOf } from "../../plan/plan.ts";
import type { Outlet, Pump } from "./pump.ts";
import { rateProfile } from "../../../result/segments.ts";
import { Schedule } from "../../plan/schedule.ts";

/**
 * The pump of one thread. In `lags` an open loop records how late its messages leave; those that are due
 * within `togetherMs` leave together.
 */
export function createPump(
  outlet: Outlet,
  data: LoadData,
  lags: Lags,
  togetherMs: number,
): Pump {
  const { plan, first, count, worker, workers } = data;
  const { messages, connections, pipeline, thinkMs } = plan;
  const profile = rateProfile(plan);
  if (profile.length === 0) {
    const paced = plan.expect.kind !== "none";
    return new ClosedLoop(outlet, { pipeline: pipeline ?? 1, paced, thinkMs });
  }
  const most = messages === null ? Infinity : shareOf(messages, connections, first, first + count);
  const schedule = new Schedule(profile, count / connections, worker / workers, plan.tickMs);
  return new OpenLoop(outlet, schedule, lags, {
    ...{ pipeline: pipeline ?? Infinity, messages: most, togetherMs },
  });
}
