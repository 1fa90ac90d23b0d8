/** The traffic of a plan. */
import { Oracle } from "./oracle.ts";
import type { Plan } from "./plan.ts";
import { StreamReplies } from "./stream_replies.ts";
import type { Replies, Traffic } from "./traffic.ts";

/** Makes the traffic of a plan. `connections` have numbers, over all machines and processes. */
export function createTraffic(plan: Plan, connections: number = plan.connections): Traffic {
  const { seed, size, expect } = plan;
  const oracle = new Oracle(seed, connections, expect.kind === "upper" ? "upper" : "echo", size);
  return {
    messages: (connection, first, count) => oracle.sent(connection, first * size, count * size),
    replies: expect.kind === "none"
      ? () => UNSEEN
      : (connection, first) => new StreamReplies(oracle, connection, first),
  };
}

/** Replies that nobody looks at. */
const UNSEEN: Replies = {
  take: () => 0,
  ...{ broken: false, conclusive: false, partial: false },
  mismatch: () => unseen(),
  truncation: () => unseen(),
};

const unseen = (): never => {
  throw new Error("A reply was looked at where none is expected");
};
