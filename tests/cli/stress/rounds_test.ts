// Runs that are repeated, compared, cut short or watched: --confidence, --compare of targets, --abort-on, --progress.
import { describe, expect, it } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { formatReport } from "../../../lib/report/text/report.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { formatUs } from "../../../lib/text/units.ts";
import { spawnCli, startServe } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { checkRows } from "../../support/rows.ts";
import { allAccountedFor, answering, stress, target } from "../../support/misbehaving.ts";

/** Of loads whose speed does not matter: they leave the processors to other tests. */
const calmly = ["--think", "1ms"];

describe("--confidence", () => {
  it("repeats the run, and gives an interval of rate and p99", async () => {
    // Latencies that are much the same, so that few rounds are enough.
    await using server = await startServe(["--delay", "30ms"]);
    const args = [server.name, "-c", "2", "-d", "150ms", "--warmup", "50ms"];
    await using cli = spawnCli(["stress", ...args, "--confidence", "90", "--json"]);
    expect((await cli.exit).code).toBe(0);
    const result: StressResult = JSON.parse(cli.stdout());
    const { confidence } = result;
    expect(result.target).toBe(server.name);
    expect(confidence).toMatchObject({ wanted_percent: 90, confidence: 0.95 });
    expect(confidence!.rounds).toBeGreaterThanOrEqual(3);
    const { mean, low, high } = confidence!.rate!;
    expect(low).toBeLessThanOrEqual(mean);
    expect(high).toBeGreaterThanOrEqual(mean);
    expect(confidence!.reached).toBe(confidence!.rounds < 30 || confidence!.rate!.percent <= 90);
    expect(result.config.rounds).toBe(confidence!.rounds);
    checkRows(result);
  });

  it("says that it was not reached, and goes on no longer, once a round has measured nothing", async () => {
    await using silent = await answering(() => null);
    const args = [silent.name, "-c", "1", "-d", "100ms", "--timeout", "300ms"];
    const { code, result } = await stress([...args, "--confidence", "90"]);
    expect(code).toBe(4);
    expect(result.confidence).toMatchObject({ reached: false, rounds: 1, rate: null, p99: null });
    expect(formatReport(result, 80)).toMatch(/^confidence +NOT within ±90 % after 1 round: /m);
  });

  it("is a usage error without a percentage", async () => {
    await using cli = spawnCli(["stress", "--confidence", "none", "-d", "1s"]);
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr()).toMatch(/--confidence.*no percentage/);
  });
});

describe("--compare of targets", () => {
  it("runs against each of them, interleaved", async () => {
    await using one = await startServe();
    await using other = await startServe();
    const names = `${one.name},${other.name}`;
    await using cli = spawnCli([
      "stress",
      "--compare",
      names,
      "-c",
      "2",
      "-d",
      "300ms",
      ...calmly,
      "--json",
    ]);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stderr()).toMatch(/^iomux: 3 rounds of 2 targets, about \d+ s in all/);
    const { target, compare, results } = JSON.parse(cli.stdout());
    expect(target).toBe(names);
    expect(compare.rows.map(({ name }: { name: string }) => name)).toEqual([one.name, other.name]);
    expect(compare.rounds).toBe(3);
    expect(results.map(({ result }: { result: StressResult }) => result.target))
      .toEqual([one.name, other.name]);
    for (const { result } of results) expect(result.messages.verified).toBeGreaterThan(0);
  });
});

describe("--compare of selectors", () => {
  it("says first how long it will take, and with --progress which round it is", async () => {
    const args = [
      "--compare",
      "select,poll",
      "-c",
      "2",
      "-d",
      "300ms",
      ...calmly,
      "--progress",
      "--json",
    ];
    await using cli = spawnCli(["stress", ...args]);
    expect([0, 8]).toContain((await cli.exit).code!);
    const [first, ...lines] = cli.stderr().trimEnd().split("\n");
    // Three rounds of 100 ms for each, after a warm-up of 200 ms, with a server of its own.
    const [, seconds] = /^iomux: 3 rounds of 2 selectors, about (\d+) s in all$/.exec(first!)!;
    expect(Number(seconds)).toBeGreaterThanOrEqual(2 * 3 * 0.3);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^iomux: round [1-3] of 3, (select|poll) {3}\S/);
    expect(JSON.parse(cli.stdout()).compare.rounds).toBe(3);
  });
});

describe("--abort-on", () => {
  it("ends a run when its condition is met: exit 7", async () => {
    await using closing = await answering((message, _, { socket }) => {
      socket.end(message);
      return null;
    });
    const args = [closing.name, "-c", "4", "-d", "60s", "--reconnect", "--abort-on", "errors>20"];
    using folder = new TempDir();
    const file = folder.file("run.json");
    await using cli = spawnCli(["stress", ...args, "-o", file]);
    expect((await cli.exit).code).toBe(7);
    expect(cli.stdout()).toMatch(/^verdict +fail \(ended by --abort-on\)$/m);
    const result = JSON.parse(readFileSync(file, "utf8"));
    expect(result.duration_s).toBeLessThan(50);
    expect(result).toMatchObject({ interrupted: true, aborted: true, verdict: "fail" });
    const [threshold] = result.thresholds;
    expect(threshold).toMatchObject({ expression: "errors<=20", ok: false });
    expect(threshold.value).toBeGreaterThan(20);
  });

  for (const [what, every] of [["nothing", Infinity], ["every third message", 3]] as const) {
    it(`counts what has waited for too long already, where ${what} is answered`, async () => {
      await using deaf = await answering((message, sequence) =>
        every < Infinity && sequence % every !== every - 1 ? message : null
      );
      const args = ["-c", "4", "-d", "60s", "--timeout", "50s", "--abort-on", "p90>600ms"];
      await using cli = spawnCli(["stress", deaf.name, ...args, "--json"]);
      expect((await cli.exit).code).toBe(7);
      const result: StressResult = JSON.parse(cli.stdout());
      expect(result.duration_s).toBeLessThan(30);
      expect(result.thresholds).toMatchObject([{ expression: "p90<=600ms", ok: false }]);
      expect(result.thresholds[0]!.value).toBeGreaterThan(600_000);
      expect(result.thresholds[0]!.value).toBe(result.latency_us.p90);
      expect(result.messages.in_flight).toBe(4);
      expect(result.latency_us.unanswered).toBe(4);
      expect(allAccountedFor(result)).toBe(true);
    });
  }

  it("counts all that is in flight at its end, with one figure in all reports", async () => {
    await using deaf = await answering(() => null);
    using folder = new TempDir();
    const [json, xml] = [folder.file("run.json"), folder.file("run.xml")];
    const load = ["-c", "4", "-d", "60s", "--timeout", "50s", "-r", "50", "--abort-on", "p99>1s"];
    await using cli = spawnCli(["stress", deaf.name, ...load, "-o", json, "-o", xml]);
    expect((await cli.exit).code).toBe(7);
    const result: StressResult = JSON.parse(readFileSync(json, "utf8"));
    const { messages, latency_us: latency, thresholds: [threshold] } = result;
    expect(messages).toMatchObject({ received: 0, timed_out: 0, lost: 0 });
    expect(messages.sent).toBeGreaterThan(30);
    expect([messages.in_flight, latency.unanswered]).toEqual([messages.sent, messages.sent]);
    // Each has waited until the end, half a second after the stop: the first one for longest.
    expect(latency.p50).toBeGreaterThan(500_000);
    expect(latency.p50).toBeLessThan(latency.p99);
    expect(threshold).toEqual({ expression: "p99<=1s", value: latency.p99, ok: false });
    const over = `over ${formatUs(latency.p99)}`;
    expect(cli.stdout()).toContain(`FAILED  p99<=1s: ${over}\n`);
    expect(readFileSync(xml, "utf8")).toContain(over);
    expect(cli.stdout()).toMatch(/^verified .*; \d+ not answered yet when the run\s+was ended$/m);
    const took = `none of ${messages.sent} messages was answered, and the run took`;
    expect(result.generator.limited_by).toContain(`nothing was measured: ${took} `);
    await using shown = spawnCli(["report", json]);
    expect((await shown.exit).code).toBe(7);
    expect(shown.stdout()).toContain(`FAILED  p99<=1s: ${over}\n`);
    expect(shown.stdout()).toContain(`p99 ${over}`);
  });

  it("has the rate of the run beside its condition on a rate", async () => {
    const load = ["-c", "2", "-d", "60s", "--think", "2ms", "--abort-on", "rate<100m", "--json"];
    await using cli = spawnCli(["stress", ...load]);
    expect((await cli.exit).code).toBe(7);
    const { rate, thresholds: [threshold] }: StressResult = JSON.parse(cli.stdout());
    expect(threshold).toEqual({
      ...{ expression: "rate>=100m", value: rate.messages_per_s, ok: false },
    });
  });

  it("leaves a run alone whose condition is not met", async () => {
    const { code, result } = await stress(["-c", "2", "-d", "200ms", "--abort-on", "p99>60s"]);
    expect([code, result.interrupted, result.thresholds]).toEqual([0, false, []]);
  });

  it("is a usage error of what is not known during a run", async () => {
    await using cli = spawnCli(["stress", "--abort-on", "lost>5"]);
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr()).toMatch(/--abort-on.*"lost>5" is not known during a run/);
  });
});

describe("--progress", () => {
  it("is a line a second on stderr where that is no terminal", async () => {
    await using cli = spawnCli([
      "stress",
      "-c",
      "2",
      "-d",
      "2200ms",
      "--rate",
      "50",
      "--progress",
      "--json",
    ]);
    expect((await cli.exit).code).toBe(0);
    const lines = cli.stderr().trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) {
      expect(line).toMatch(/^iomux: (starting|connecting|[\d.]+ s .*\/s)/);
    }
    expect(JSON.parse(cli.stdout()).verdict).toMatch(/pass|invalid/);
  });
});

describe("the messages of stress", () => {
  it("come from a file, a line each", async () => {
    using folder = new TempDir();
    writeFileSync(folder.file("m"), "PING {seq}\\n\nhello {conn}\\n\tupper\n");
    await using server = await startServe(["--service", "upper"]);
    const file = ["--messages-from", folder.file("m"), "--escapes"];
    const args = [server.name, "-c", "3", "-n", "300", ...file];
    for (const more of [[], ["--shuffle"], ["--pipeline", "4"]]) {
      const { code, result } = await stress([...args, ...more]);
      expect([code, result.messages.verified]).toEqual([0, 300]);
    }
  });

  it("are the bytes of a file, unless its escapes are asked for", async () => {
    using folder = new TempDir();
    // As they stand in a file of JSON lines; a byte that is no UTF-8; and one of them ends with CRLF.
    const lines = [`{"a":"x\\"y\\n{seq}"}`, "\xff\\", "last"];
    writeFileSync(folder.file("m"), Buffer.from(lines.join("\r\n"), "latin1"));
    writeFileSync(folder.file("one"), "a{seq}\\x41");
    const received: Buffer[] = [];
    await using sink = await target(({ socket }) => {
      socket.on("data", (chunk: Buffer) => {
        received.push(chunk);
        socket.write(chunk);
      });
    });
    const sent = async (...args: string[]) => {
      received.length = 0;
      const { code } = await stress([sink.name, "-c", "1", "-n", "3", ...args]);
      expect(code).toBe(0);
      return Buffer.concat(received).toString("latin1");
    };
    expect(await sent("--messages-from", folder.file("m"))).toBe(lines.join(""));
    expect(await sent("--message-file", folder.file("one"))).toBe("a{seq}\\x41".repeat(3));
    expect(await sent("--message-file", folder.file("one"), "--escapes")).toBe("a0Aa1Aa2A");
  });

  it("have sizes at random", async () => {
    const { code, result } = await stress(["-c", "3", "-n", "300", "-s", "10B..2000B"]);
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(300);
    expect(result.bytes.sent).toBeGreaterThan(300 * 500);
    expect(result.bytes.sent).toBeLessThan(300 * 1500);
  });

  it("wait for --think after each reply", async () => {
    const { code, result } = await stress(["-c", "2", "-n", "20", "--think", "50ms"]);
    expect(code).toBe(0);
    expect(result.duration_s).toBeGreaterThan(0.44);
    expect(result.in_flight).toBe(null);
  });
});
