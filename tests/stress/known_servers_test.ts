// Servers whose behaviour is known: each figure of the result is held against what must come out, and those
// that say the same in two places against each other. Bounds on time leave room for a busy machine: they are
// what the server makes impossible (less), or what a defect exceeds by far (more).
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import type { StressResult } from "../../lib/result/result.ts";
import { spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { answering, pausing, SIZE, stress, type Target } from "../support/misbehaving.ts";
import { checkRows } from "../support/rows.ts";

/** Answers each message after so many milliseconds. */
const delaying = (delay: (sequence: number) => number): Promise<Target> =>
  answering((message, sequence, { socket }) => {
    const reply = Buffer.from(message);
    setTimeout(() => socket.writable && socket.write(reply), delay(sequence));
    return null;
  });

/** Answers at most so many messages a second on each connection, in order. */
const rateLimited = (perSecond: number): Promise<Target> => {
  const free = new Map<number, number>();
  return answering((message, _, { number, socket }) => {
    const now = performance.now();
    const at = Math.max(now, free.get(number) ?? now) + 1000 / perSecond;
    free.set(number, at);
    const reply = Buffer.from(message);
    setTimeout(() => socket.writable && socket.write(reply), at - now);
    return null;
  });
};

interface Case {
  readonly name: string;
  readonly server: () => Promise<Target>;
  readonly args: string[];
  readonly code: number;
  readonly check: (result: StressResult) => void;
}

const cases: Case[] = [
  {
    name: "a fixed delay: every latency is that, and the rate is what closes with it",
    server: () => delaying(() => 50),
    args: ["-c", "4", "-d", "1500ms"],
    code: 0,
    check({ latency_us: us, rate, in_flight: inFlight, messages, drain_s }) {
      expect(us.min).toBeGreaterThan(48_000);
      expect(us.p50).toBeGreaterThanOrEqual(us.min);
      expect(rate.messages_per_s).toBeLessThanOrEqual(4 / 0.048);
      expect(rate.messages_per_s).toBeGreaterThan(8);
      expect(inFlight!.asked).toBe(4);
      expect(inFlight!.accounted).toBeGreaterThan(0.9);
      expect(inFlight!.accounted).toBeLessThan(1.1);
      expect(messages.verified).toBe(messages.sent);
      expect(drain_s).toBeLessThan(5);
    },
  },
  {
    name: "a delay on a schedule: what comes after the stop is drain, and no part of the rate",
    server: () => delaying(() => 400),
    args: ["-c", "4", "--rate", "100", "-d", "1s"],
    code: 0,
    check({ duration_s, drain_s, rate, messages, latency_us: us, latency_corrected_us }) {
      expect(duration_s).toBeGreaterThan(0.99);
      expect(duration_s).toBeLessThan(1.5);
      expect(drain_s).toBeGreaterThan(0.3);
      expect(messages.verified).toBe(100);
      // Sixty of them, or fewer where the machine was busy; divided by one second.
      expect(rate.messages_per_s).toBeLessThan(66);
      expect(us.min).toBeGreaterThan(398_000);
      expect(latency_corrected_us!.p50).toBeGreaterThanOrEqual(us.min);
    },
  },
  {
    name: "nine quick replies in ten, and a slow one: percentiles on both sides",
    server: () => delaying((sequence) => sequence % 10 === 9 ? 150 : 0),
    args: ["-c", "5", "-n", "500"],
    code: 0,
    check({ latency_us: us, messages }) {
      expect(messages.verified).toBe(500);
      expect(us.count).toBe(500);
      expect(us.p99).toBeGreaterThan(148_000);
      expect(us.p50).toBeLessThan(us.p99);
      expect(us.mean).toBeGreaterThan(14_000);
      expect(us.stddev).toBeGreaterThan(10_000);
    },
  },
  {
    name: "one pause: corrected latencies have it, those from the real send only where they waited",
    server: () => pausing(800),
    args: ["-c", "4", "--rate", "500", "-d", "2500ms", "--pipeline", "1"],
    code: 0,
    check({ latency_us: us, latency_corrected_us: corrected, messages, generator }) {
      expect(corrected!.p99).toBeGreaterThan(600_000);
      expect(us.max).toBeGreaterThan(790_000);
      expect(messages.sent + generator.unsent).toBe(generator.scheduled!);
    },
  },
  {
    name: "every tenth message swallowed: not answered, in percentiles as well",
    server: () => answering((message, sequence) => sequence % 10 === 9 ? null : message),
    args: ["-c", "10", "-n", "100", "--timeout", "500ms"],
    code: 4,
    check({ messages, latency_us: us, errors, connections }) {
      expect(messages).toMatchObject({ sent: 100, verified: 90, timed_out: 10, lost: 0 });
      expect(connections.lost).toBe(0);
      expect(errors).toEqual({ ETIMEDOUT: 10 });
      expect(us).toMatchObject({ count: 90, unanswered: 10 });
      expect(us.p90).toBeLessThan(500_000);
      expect(us.p99).toBeGreaterThanOrEqual(500_000);
    },
  },
  {
    name: "a limit of its rate: that is the rate, and the schedule shows the rest",
    server: () => rateLimited(20),
    args: ["-c", "2", "--rate", "200", "-d", "1500ms", "--pipeline", "1"],
    code: 0,
    check({ rate, generator, messages }) {
      expect(rate.messages_per_s).toBeLessThanOrEqual(42);
      expect(messages.verified).toBe(messages.sent);
      expect(messages.sent + generator.unsent).toBe(generator.scheduled!);
      expect(generator.unsent).toBeGreaterThan(150);
    },
  },
  {
    name: "a limit of its bandwidth: bytes a second are that",
    server: () => rateLimited(64),
    args: ["-c", "1", "-d", "1500ms", "--pipeline", "4"],
    code: 0,
    check({ rate, bytes, messages, in_flight: inFlight }) {
      expect(rate.bytes_per_s).toBeLessThanOrEqual(66 * SIZE);
      expect(bytes.received).toBe(messages.verified * SIZE);
      expect(bytes.sent).toBe(messages.sent * SIZE);
      expect(inFlight!.asked).toBe(4);
    },
  },
];

/** The rows of a run are its totals: as JSON and as CSV. */
function checkBoth(result: StressResult, csv: string): void {
  const { timeline } = result;
  checkRows(result);
  const [head, ...lines] = csv.trimEnd().split("\r\n").map((line) => line.split(","));
  expect(lines.length).toBe(timeline.length);
  for (const [i, line] of lines.entries()) {
    for (const [j, name] of head!.entries()) {
      const value = timeline[i]![name as keyof typeof timeline[number]];
      expect([name, line[j]]).toEqual([name, value === null ? "" : String(value)]);
    }
  }
}

describe("a run against a server that does", () => {
  for (const { name, server, args, code, check } of cases) {
    it(name, async () => {
      using folder = new TempDir();
      const [csv, json] = [folder.file("run.csv"), folder.file("run.json")];
      await using target = await server();
      const outcome = await stress([target.name, ...args, "-o", csv, "-o", json], 50_000);
      expect(outcome.code).toBe(code);
      check(outcome.result);
      checkBoth(outcome.result, readFileSync(csv, "utf8"));
      await using report = spawnCli(["report", json]);
      await report.exit;
      const text = report.stdout();
      const { messages, rate } = outcome.result;
      const count = (n: number) => Math.round(n).toLocaleString("en");
      expect(text).toContain(` ${count(messages.verified)} of ${count(messages.sent)} `);
      expect(text).toMatch(new RegExp(`^rate +${count(rate.messages_per_s)}(\\.\\d+)? `, "m"));
      expect(text).toMatch(code === 0 ? /^errors +none$/m : /^errors +(?!none)/m);
    });
  }
});
