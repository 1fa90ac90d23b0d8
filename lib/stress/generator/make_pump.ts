/** The loop that a plan asks for: closed, or open at a rate. */
import { ClosedLoop } from "./closed_loop.ts";
import { type Lags, OpenLoop } from "./open_loop.ts";
import type { LoadData } from "../plan/plan.ts";
import type { Outlet, Pump } from "./pump.ts";
import { rateProfile, Schedule } from "../plan/schedule.ts";

/** Of `total` things of all connections those of the connections from `from` to below `to`. */
export const shareOf = (total: number, connections: number, from: number, to: number): number =>
  Math.floor(total * to / connections) - Math.floor(total * from / connections);

/** The pump of one thread. In `lags` an open loop records how late its messages leave. */
export function createPump(outlet: Outlet, data: LoadData, lags: Lags): Pump {
  const { plan, first, count, worker, workers } = data;
  const { messages, connections, pipeline, part = { index: 0, of: 1 } } = plan;
  const profile = rateProfile(plan);
  if (profile.length === 0) {
    return new ClosedLoop(outlet, pipeline ?? 1, plan.expect.kind !== "none");
  }
  const most = messages === null ? Infinity : shareOf(messages, connections, first, first + count);
  const phase = (part.index + worker / workers) / part.of;
  const schedule = new Schedule(profile, count / connections, phase, plan.tickMs);
  return new OpenLoop(outlet, schedule, lags, pipeline ?? Infinity, most);
}
