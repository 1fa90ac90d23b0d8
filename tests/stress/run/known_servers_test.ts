// Servers whose behaviour is known: each figure of the result is held against what must come out, and those
// that say the same in two places against each other. Bounds on time leave room for a busy machine: they are
// what the server makes impossible (less), or what a defect exceeds by far (more).
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import type { Distribution } from "../../../lib/result/recorder.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { spawnCli } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import {
  answering,
  counted,
  pausing,
  SIZE,
  stress,
  type Target,
} from "../../support/misbehaving.ts";
import { checkRows } from "../../support/rows.ts";

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

/** Answers so many bytes a second on each connection, a fiftieth of a second's worth at a time. */
const bandwidthLimited = (bytesPerSecond: number, size: number): Promise<Target> => {
  const each = bytesPerSecond / 50;
  const free = new Map<number, number>();
  return answering((message, _, { number, socket }) => {
    const reply = Buffer.from(message);
    for (let from = 0; from < reply.length; from += each) {
      const slice = reply.subarray(from, from + each);
      const now = performance.now();
      const at = Math.max(now, free.get(number) ?? now) + 1000 * slice.length / bytesPerSecond;
      free.set(number, at);
      setTimeout(() => socket.writable && socket.write(slice), at - now);
    }
    return null;
  }, size);
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
    check({ latency_us: us, rate, in_flight: inFlight, messages, drain_s, kernel_rtt_us: kernel }) {
      // Where the system tells. Its estimate ends with the ACK, which may come before the reply.
      if (kernel !== null) expect(kernel).toMatchObject({ connections: 4 });
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
    check(result) {
      const { duration_s, drain_s, rate, messages, generator, latency_us: us } = result;
      expect(duration_s).toBeGreaterThan(0.99);
      expect(duration_s).toBeLessThan(4);
      // The last message was due just before 1 s, and its reply comes 400 ms later; the stop may be late.
      expect(drain_s).toBeGreaterThan(1.38 - duration_s);
      expect(messages.verified).toBe(messages.sent);
      expect(messages.sent + generator.unsent).toBe(generator.scheduled!);
      expect(Math.abs(generator.scheduled! - 100 * counted(result, 1))).toBeLessThanOrEqual(2);
      // Not those that were due in the last 400 ms.
      expect(rate.messages_per_s * duration_s).toBeLessThan(100 * (duration_s - 0.395) + 2);
      expect(us.min).toBeGreaterThan(398_000);
      expect(result.latency_corrected_us!.p50).toBeGreaterThanOrEqual(us.min);
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
    name: "nothing is ever answered: that is said, and not that the generator was slow",
    server: () => answering(() => null),
    args: ["-c", "3", "-d", "1s", "--timeout", "1200ms"],
    code: 4,
    check({ latency_us: us, generator, in_flight: inFlight, messages }) {
      expect(us).toMatchObject({ count: 0, unanswered: 3 });
      expect(messages).toMatchObject({ sent: 3, timed_out: 3 });
      expect(inFlight).toMatchObject({ asked: 3, average: 0 });
      expect(generator.limited_by).toContain(
        "of 3 in flight, on average 3 waited for replies that never came",
      );
      expect(generator.limited_by).not.toContain("waited for this generator");
    },
  },
  {
    name: "a ramp: what was asked is what was there on average",
    server: () => delaying(() => 50),
    args: ["-c", "10", "-d", "2s", "--ramp", "2s"],
    code: 0,
    check({ in_flight: inFlight, generator }) {
      expect(inFlight!.asked).toBeGreaterThan(5);
      expect(inFlight!.asked).toBeLessThan(6);
      expect(generator.limited_by).not.toContain("waited for this generator");
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
    name: "a limit of its bandwidth: bytes a second are that, and a large message takes its time",
    server: () => bandwidthLimited(100_000, 10_000),
    args: ["-c", "2", "-s", "10KB", "-d", "1500ms"],
    code: 0,
    check({ rate, bytes, messages, latency_us: us, in_flight: inFlight }) {
      // Timers of a server may fire a millisecond early, of a hundred for each message.
      expect(us.min).toBeGreaterThan(90_000);
      expect(rate.bytes_per_s).toBeLessThanOrEqual(2 * 110_000);
      expect(rate.bytes_per_s).toBeGreaterThan(20_000);
      expect(bytes.received).toBe(messages.verified * 10_000);
      expect(bytes.sent).toBe(messages.sent * 10_000);
      expect(inFlight).toMatchObject({ asked: 2 });
      expect(inFlight!.average / (rate.messages_per_s * us.mean / 1e6)).toBeCloseTo(1, 2);
    },
  },
  {
    name: "a limit of its rate and a pipeline: what waits in it is latency",
    server: () => rateLimited(64),
    args: ["-c", "1", "-d", "1500ms", "--pipeline", "4"],
    code: 0,
    check({ rate, bytes, messages, latency_us: us, in_flight: inFlight }) {
      expect(rate.bytes_per_s).toBeLessThanOrEqual(66 * SIZE);
      expect(bytes.received).toBe(messages.verified * SIZE);
      expect(bytes.sent).toBe(messages.sent * SIZE);
      expect(us.p50).toBeGreaterThan(4 * 1e6 / 64 * 0.9);
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

/** The rows of a text by their names, each on one line. */
function rowsOf(text: string): Map<string, string> {
  const rows = new Map<string, string>();
  let name = "";
  for (const line of text.split("\n")) {
    if (/^[a-z]/.test(line)) rows.set(name = line.slice(0, 12).trim(), line.slice(12));
    else if (line === "") name = "";
    else if (name !== "") rows.set(name, `${rows.get(name)} ${line.trim()}`);
  }
  return rows;
}

const UNITS: Record<string, number> = { us: 1, ms: 1e3, s: 1e6 };

/** Each "p99 1.23 ms" of a row, in microseconds. */
const latenciesIn = (row: string): Record<string, number> =>
  Object.fromEntries(
    [...row.matchAll(/(\w[\w.]*|±) ?(?:over )?([\d.,]+) (us|ms|s)\b/g)].map((
      [, name, number, unit],
    ) => [name, Number(number!.replaceAll(",", "")) * UNITS[unit!]!]),
  );

/** A row of latencies says what the JSON says, to the three digits that it shows. */
function checkLatencies(row: string, us: Distribution): void {
  const shown = latenciesIn(row);
  const keys = { min: "min", mean: "mean", "±": "stddev", p50: "p50", p90: "p90", p99: "p99" };
  for (const [name, key] of Object.entries({ ...keys, max: "max" })) {
    const value = us[key as keyof Distribution];
    if (us.count === 0 && ["min", "mean", "±"].includes(name)) { // a bound has no mean
      expect([name, name in shown]).toEqual([name, false]);
      continue;
    }
    expect([name, Math.abs(shown[name]! - value) <= value * 0.01]).toEqual([name, true]);
  }
  for (const [name, least] of [["p99.9", 1e4], ["p99.99", 1e5], ["p99.999", 1e6]] as const) {
    expect([name, name in shown]).toEqual([name, us.count + us.unanswered >= least]);
  }
}

/** Every row of the report is what the JSON has. */
function checkText(result: StressResult, text: string): void {
  const rows = rowsOf(text);
  const row = (name: string) => rows.get(name) ?? `no row ${name}`;
  const { messages, rate, connections, generator, errors, in_flight: inFlight } = result;
  const { latency_us, latency_corrected_us: corrected, connect_us, drain_s, duration_s } = result;
  const count = (n: number) => Math.round(n).toLocaleString("en");
  const verified = `${count(messages.verified)} of ${count(messages.sent)} messages`;
  expect(row("target")).toBe(result.target);
  expect(row("load")).toMatch(new RegExp(`^${connections.requested} connections?, .* messages, `));
  expect(row("load")).toContain(`${duration_s.toFixed(2)} s`);
  expect(row("verified")).toContain(verified);
  expect(row("verified")).toContain(
    `every byte of ${count(messages.verified * Number(result.config.size))}`,
  );
  expect(row("verified").includes("timed out")).toBe(messages.timed_out > 0);
  expect(row("rate")).toMatch(new RegExp(`^${count(rate.messages_per_s)}(\\.\\d+)? messages/s, `));
  expect(row("rate").includes("after the stop")).toBe(drain_s >= 0.05);
  checkLatencies(row("latency"), latency_us);
  checkLatencies(row("connect"), connect_us);
  expect(rows.has("corrected")).toBe(corrected !== null);
  if (corrected !== null) {
    checkLatencies(row("corrected"), corrected);
    const late = row("schedule").slice(row("schedule").indexOf("late by"));
    const { scheduled, unsent, schedule_lag_us: lag } = generator;
    expect(row("schedule")).toContain(`${count(scheduled!)} messages due, `);
    expect(row("schedule")).toContain(unsent === 0 ? "all sent" : `${count(unsent)} not sent`);
    for (const key of ["p50", "p99", "max"] as const) {
      expect(Math.abs(latenciesIn(late)[key]! - lag[key]) <= lag[key] * 0.01).toBe(true);
    }
  } else expect(row("schedule")).toMatch(/^none: /);
  if (inFlight !== null && latency_us.count > 0) {
    const { average, asked, accounted } = inFlight;
    expect(row("closure")).toContain(
      `${average.toFixed(1)} of ${+asked.toFixed(1)} in flight accounted for (${
        Math.round(accounted * 100)
      } %)`,
    );
  }
  expect(row("connections")).toMatch(
    new RegExp(
      `^${connections.established} established.* ${connections.failed} failed, ${connections.lost} lost$`,
    ),
  );
  const { failed, lost } = connections;
  const all = failed + lost + messages.timed_out + messages.mismatched;
  expect(row("errors")).toMatch(all === 0 ? /^none$/ : new RegExp(`^${all}: `));
  for (const [code, n] of Object.entries(errors)) expect(row("errors")).toContain(`${code} ${n}`);
  expect(row("generator")).toContain(
    `${generator.cpu_percent.toFixed(0)} % of a CPU (1 thread, `,
  );
  expect(row("verdict")).toBe(result.verdict);
  if (result.kernel_rtt_us) {
    expect(row("kernel rtt")).toContain(`(${result.kernel_rtt_us.connections} connection`);
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
      checkText(outcome.result, report.stdout());
    });
  }
});
