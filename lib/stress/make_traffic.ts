/** TEMP */
import { sameBytes } from "../sys/posix.ts";
import { Oracle } from "./oracle.ts";
import type { Plan } from "./plan.ts";
import type { Replies, Traffic } from "./traffic.ts";
import { Verifier } from "./verifier.ts";
export function createTraffic(plan: Plan): Traffic {
  const oracle = new Oracle(plan.seed, plan.connections, plan.expect.kind === "upper" ? "upper" : "echo");
  const { size } = plan;
  return {
    messages: (connection, first, count) => oracle.sent(connection, first * size, count * size),
    replies(connection, first): Replies {
      const v = new Verifier(oracle, connection, sameBytes);
      v.offset = first * size;
      let done = first;
      return {
        take(bytes, sent) {
          v.take(bytes, (first + sent) * size);
          const complete = Math.floor(v.offset / size) - done;
          done += complete;
          return complete;
        },
        get broken() { return v.broken; },
        get conclusive() { return v.conclusive; },
        get partial() { return v.offset % size > 0; },
        mismatch: (sent) => v.mismatch((first + sent) * size),
        truncation: (sent) => v.truncation((first + sent) * size),
      };
    },
  };
}
