// A run that is ended early against a target that closes nothing: what is in flight counts, and once.
import { describe, expect, it } from "bun:test";
import type { StressResult } from "../../../lib/result/result.ts";
import { spawnCli } from "../../support/cli.ts";
import { allAccountedFor, target, type Victim } from "../../support/misbehaving.ts";
import { NO_SIGNALS } from "../../support/systems.ts";
import { sleep, until } from "../../support/waiting.ts";

const GET = ["-m", "GET / HTTP/1.1\\r\\n\\r\\n", "--expect", "http"];
const LAST = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/** Each with how it is ended, what each connection of the target does, and what is in flight at the end. */
const CASES: {
  name: string;
  args: string[];
  end?: NodeJS.Signals;
  each?: (victim: Victim) => void;
  /** All that was not answered, where nothing is said. */
  inFlight?: number;
}[] = [
  { name: "SIGINT", args: ["-c", "3"], end: "SIGINT", inFlight: 3 },
  { name: "SIGTERM", args: ["-c", "3"], end: "SIGTERM", inFlight: 3 },
  {
    ...{ name: "SIGINT and a pipeline", args: ["-c", "3", "--pipeline", "4"] },
    ...{ end: "SIGINT", inFlight: 12 },
  },
  { name: "--abort-on", args: ["-c", "3", "--abort-on", "p99>300ms"], inFlight: 3 },
  {
    ...{ name: "SIGINT, where every second connection is silent", args: ["-c", "9"] },
    ...{ end: "SIGINT", inFlight: 4 },
    each: ({ number, socket }) => {
      if (number % 2 === 0) socket.on("data", (bytes) => socket.write(bytes));
      socket.resume();
    },
  },
  {
    // Messages behind the last reply are to be sent again, on a connection that may not come any more.
    ...{ name: "SIGINT, after a reply that ends its connection", end: "SIGINT" },
    args: ["-c", "1", "--pipeline", "4", ...GET],
    each: ({ socket }) => socket.once("data", () => socket.write(LAST)).resume(),
  },
];

if (NO_SIGNALS) console.log(`not run: a run that is ended early: ${NO_SIGNALS}`);
else {
  describe("a run that ends early against a target that keeps all connections", () => {
    for (const { name, args, end, each, inFlight } of CASES) {
      it(`counts what is in flight once, ended by ${name}`, async () => {
        const open: Victim[] = [];
        await using kept = await target((victim) => {
          open.push(victim);
          each?.(victim);
        }, false);
        const load = ["-d", "30s", "--timeout", "20s", "--json", ...args];
        await using cli = spawnCli(["stress", kept.name, ...load]);
        expect(await until(() => open.length === Number(args[1]))).toBe(true);
        await until(() => open.every(({ socket }) => socket.bytesRead > 0 || !each));
        await sleep(500); // all pipelines are full
        if (end) cli.kill(end);
        await cli.exit;
        const result: StressResult = JSON.parse(cli.stdout());
        const { messages, latency_us: latency } = result;
        expect(messages.in_flight).toBe(inFlight ?? messages.sent - messages.verified);
        expect(latency.unanswered).toBe(messages.in_flight);
        expect(allAccountedFor(result)).toBe(true);
        // All were sent before the stop, and waited for half a second after it, replies and FIN together.
        expect(latency.max).toBeGreaterThan(450_000);
        if (!each) expect(latency.max - 1e6 * result.duration_s).toBeLessThan(850_000);
      });
    }
  });
}
