// The scenarios of the soak: how each server is started, and what must hold of it afterwards.
import { FAULTS } from "./clients.ts";
import type { Seen } from "./driver.ts";
import type { Sample, ServerStats } from "./watch.ts";
import { median } from "../support/report.ts";

/** What a scenario ends with. */
export interface Outcome {
  seen: Seen;
  samples: Sample[];
  /** From when on memory must be flat, in seconds. */
  settled: number;
  final: ServerStats;
}

/** One kind of load. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** Live connections; of churn, new ones a second. */
  readonly connections: number;
  serverArgs(seed: number): string[];
  /** What is not as it should be, beyond what must hold of every scenario. */
  problems(outcome: Outcome): string[];
}

const MAX_BUFFER = 1 << 20;

/** Everything that was sent has arrived, and has come back. */
function exact({ seen, final }: Outcome): string[] {
  return unequal({
    "bytes in, bytes that the clients sent": [final.bytes_in, seen.bytes_sent],
    "bytes out, bytes that the clients received": [final.bytes_out, seen.bytes_received],
    "bytes back, bytes sent": [seen.bytes_received, seen.bytes_sent],
  });
}

/** The pairs that differ, as text. */
export function unequal(pairs: Record<string, [number, number]>): string[] {
  return Object.entries(pairs).filter(([, [a, b]]) => a !== b)
    .map(([what, [a, b]]) => `${what}: ${a} is not ${b}`);
}

/** All of them. */
export const scenarios: Scenario[] = [
  {
    name: "connections",
    what: "live connections with random traffic",
    connections: 10_000,
    serverArgs: () => [],
    problems: (outcome) => [
      ...exact(outcome),
      ...unequal({
        "errors that the server counted, none": [sum(outcome.final.errors), 0],
      }),
    ],
  },
  {
    name: "churn",
    what: "new connections a second, of which a quarter is reset",
    connections: 2000,
    serverArgs: () => [],
    problems(outcome) {
      const { seen, final } = outcome;
      const rate = seen.opened / seen.seconds;
      return [
        ...exact(outcome),
        ...unequal({
          "ECONNRESET, resets": [final.errors.ECONNRESET ?? 0, seen.resets],
          "errors that the server counted, resets": [sum(final.errors), seen.resets],
        }),
        ...(rate < 2000 * 0.95 ? [`only ${Math.round(rate)} new connections a second`] : []),
      ];
    },
  },
  {
    name: "slow",
    what: "slow readers at the buffer limit",
    connections: 100,
    serverArgs: () => ["--max-buffer", `${MAX_BUFFER}B`],
    problems(outcome) {
      const { samples, settled, final, seen } = outcome;
      // What an echo has received and not sent is what it keeps.
      const kept = samples.filter(({ at }) => at >= settled && at < seen.seconds)
        .map(({ stats }) => stats.bytes_in - stats.bytes_out);
      const least = 100 * MAX_BUFFER / 4; // below it a reader would be read again
      return [
        ...exact(outcome),
        ...unequal({ "errors that the server counted, none": [sum(final.errors), 0] }),
        ...(median(kept) < least ? [`only ${median(kept)} bytes kept for the readers`] : []),
        ...(final.max_buffered > MAX_BUFFER ? [`${final.max_buffered} bytes kept for one`] : []),
      ];
    },
  },
  {
    name: "faults",
    what: "live connections, server and clients with mixed faults",
    connections: 200,
    serverArgs: (seed) => [
      ...["--delay", "3ms±3ms", "--slice", "3000", "--bandwidth", "2MB/s"],
      ...["--close-after", `${FAULTS.closeAfter}`, "--fault-rate", `${FAULTS.percent}`],
      ...["--seed", `${seed}`],
    ],
    problems({ seen, final }) {
      const { ECONNRESET = 0, EPIPE = 0, ...others } = final.errors;
      return [
        ...unequal({ "errors other than of resets, none": [sum(others), 0] }),
        ...(ECONNRESET + EPIPE > seen.resets ? ["more resets counted than there were"] : []),
        ...(seen.cuts === 0 || seen.resets === 0 ? ["no faults happened"] : []),
        ...(final.bytes_in > seen.bytes_sent ? ["more bytes came in than were sent"] : []),
      ];
    },
  },
];

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
