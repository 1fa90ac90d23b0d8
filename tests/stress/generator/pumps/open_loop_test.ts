// iomux stress --rate: the schedule is kept whatever the replies do, and latency counts from it.
import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { formatReport } from "../../../../lib/report/text/report.ts";
import { startServe } from "../../../support/cli.ts";
import { TempDir } from "../../../support/files.ts";
import {
  allAccountedFor,
  answering,
  counted,
  pausing,
  SIZE,
  stress,
  target,
} from "../../../support/misbehaving.ts";

const few = ["-c", "4"];

describe("stress --rate", () => {
  it("sends as many messages as the schedule has, no more and no less", async () => {
    const { code, result } = await stress([...few, "--rate", "2k", "-d", "1s"]);
    expect(code).toBe(0);
    const { scheduled, unsent } = result.generator;
    expect(Math.abs(scheduled! - 2000 * counted(result, 1))).toBeLessThanOrEqual(4);
    expect(result.messages.sent + unsent).toBe(scheduled!);
    expect(result.messages.verified).toBe(result.messages.sent);
    expect(result.latency_corrected_us!.count).toBe(result.messages.verified);
    expect(result.latency_us.count).toBe(result.messages.verified);
    expect(result.latency_corrected_us!.p50 >= result.latency_us.p50).toBe(true);
    expect(result.generator.schedule_lag_us.max > 0).toBe(true);
  });

  it("has a rate that is as exact as its messages, also below one a second", async () => {
    await using target = await answering((message) => message);
    const { result } = await stress([target.name, "-c", "1", "--rate", "0.5", "-d", "3s"]);
    expect(result.messages.verified).toBe(2);
    expect(Math.abs(result.rate.messages_per_s * result.duration_s - 2)).toBeLessThan(0.01);
    const load = formatReport(result, 200).split("\n")[1];
    expect(load).toContain("open loop at 0.5 messages/s");
  });

  it("ends after as many messages as are asked for", async () => {
    const { code, result } = await stress([...few, "--rate", "10k", "-n", "777", "--workers", "2"]);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 777, verified: 777 });
    expect(result.generator).toMatchObject({ unsent: 0 });
  });

  it("shows a server that stands still for a second as about a second", async () => {
    await using server = await pausing(1000);
    const { code, result } = await stress([server.name, ...few, "--rate", "1k", "-d", "3s"]);
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(result.messages.sent);
    // A third of all messages were due while it stood still, those at its start waited for a second.
    const corrected = result.latency_corrected_us!;
    expect(corrected.p99).toBeGreaterThan(850_000);
    expect(corrected.max).toBeGreaterThanOrEqual(950_000);
    expect(corrected.p50).toBeLessThan(corrected.p99);
    // The timeline has it in the seconds in which it happened, and not in all of them.
    const slow = result.timeline.filter((row) => row.p99_corrected! > 500_000).length;
    expect(slow).toBeGreaterThanOrEqual(1);
  });

  it("shows it in the corrected latency only, when messages wait for room", async () => {
    await using server = await pausing(1000);
    const args = ["--rate", "1k", "-d", "2500ms", "--pipeline", "1"];
    const { result } = await stress([server.name, ...few, ...args]);
    // Coordinated omission: only the four messages that were in flight have seen the pause.
    expect(result.latency_us.p50).toBeLessThan(500_000);
    expect(result.latency_us.max).toBeGreaterThan(900_000);
    expect(result.latency_corrected_us!.p99).toBeGreaterThan(700_000);
    expect(allAccountedFor(result)).toBe(true);
  });

  for (
    const [name, load, most] of [
      ["a message of its own waits for the reply before", ["-m", "x{seq}\\n"], 5],
      ["messages of a file do as well", ["--messages-from", "FILE"], 5],
      ["a pipeline that is given is taken", ["-m", "x{seq}\\n", "--pipeline", "3"], 15],
    ] as const
  ) {
    it(`${name}, and counts from its schedule`, async () => {
      using folder = new TempDir();
      writeFileSync(folder.file("lines"), "x\\n\ny\\n\n");
      await using slow = await startServe(["--delay", "200ms"]);
      const args = load.map((word) => word === "FILE" ? folder.file("lines") : word);
      const escapes = args[0] === "-m" ? [] : ["--escapes"];
      const { result } = await stress([
        ...[slow.name, "-c", "1", "-r", "50", "-d", "1s", "--expect", "line"],
        ...[...args, ...escapes],
      ]);
      const { messages, latency_corrected_us: corrected, latency_us: us } = result;
      expect(messages.sent).toBeGreaterThan(0);
      expect(messages.sent).toBeLessThanOrEqual(most + 1);
      expect(allAccountedFor(result)).toBe(true);
      if (messages.sent > 2) expect(corrected!.max).toBeGreaterThan(us.max);
    });
  }

  it("against a server that answers late has its rate until the stop; what comes later is the drain", async () => {
    await using serve = await startServe(["--delay", "200ms"]);
    const { code, result } = await stress([serve.name, "-c", "5", "--rate", "100", "-d", "1s"]);
    const { sent, verified } = result.messages;
    expect([code, verified]).toEqual([0, sent]);
    expect(sent).toBeGreaterThan(50);
    expect(result.duration_s).toBeGreaterThanOrEqual(0.99);
    expect(result.drain_s).toBeGreaterThan(0.1);
    // All were answered, of which those of the last 200 ms are no part of the rate.
    const answered = result.rate.messages_per_s * result.duration_s;
    expect(answered).toBeGreaterThan(1);
    expect(answered).toBeLessThan(sent - 1);
    const rows: { seconds: number; sent: number; received: number }[] = result.timeline;
    const sum = (of: (row: (typeof rows)[number]) => number) =>
      rows.reduce((total, row) => total + of(row), 0);
    expect([sum((row) => row.sent), sum((row) => row.received)]).toEqual([sent, sent]);
  });

  it("rises from nothing with --ramp", async () => {
    const args = [...few, "--rate", "2k", "-d", "1s", "--ramp", "1s"];
    const { code, result } = await stress(args);
    expect(code).toBe(0);
    // The area under the ramp: half of what the full rate would be.
    const due = 1000 * counted(result, 1) ** 2;
    expect(Math.abs(result.generator.scheduled! - due)).toBeLessThanOrEqual(4);
    expect(result.connections.established).toBe(4);
  });

  it("sends what is due together with --tick, in one write on each connection", async () => {
    const chunks: number[] = [];
    await using echo = await target(({ socket }) => {
      socket.on("data", (chunk: Buffer) => {
        chunks.push(chunk.length);
        socket.write(chunk);
      });
    });
    const args = ["-c", "2", "--rate", "250", "--tick", "400ms", "-d", "2s"];
    const { code, result } = await stress([echo.name, ...args]);
    expect(code).toBe(0);
    const { scheduled, unsent } = result.generator;
    expect(Math.abs(scheduled! - 250 * counted(result, 2))).toBeLessThanOrEqual(101);
    expect(result.messages.verified).toBe(result.messages.sent);
    expect(result.messages.sent + unsent).toBe(scheduled!);
    expect(result.config.tickMs).toBe(400);
    // Five ticks of fifty messages on each of two connections; a write may arrive in pieces, or two at once.
    const sum = (lengths: number[]) => lengths.reduce((total, bytes) => total + bytes, 0);
    const whole = chunks.filter((bytes) => bytes % (50 * 64) === 0);
    expect(sum(whole)).toBeGreaterThan(sum(chunks) / 3);
    expect(chunks.length).toBeLessThanOrEqual(40);
    // Nobody waits for a tick: messages are due at it.
    expect(result.latency_corrected_us!.p50).toBeLessThan(180_000);
  });

  it("does not let --tick go beyond --pipeline, or beyond the number of messages", async () => {
    const args = ["-c", "4", "--rate", "2k", "--tick", "50ms", "--pipeline", "3", "-n", "500"];
    const { code, result } = await stress(args);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 500, verified: 500 });
    // A hundred are due at once, and only twelve have room: the others are late, and say so.
    expect(result.latency_corrected_us!.p99 > result.latency_us.p50).toBe(true);
  });

  it("lets messages leave together that are due within a timer's own error, and says what it adds", async () => {
    const { code, result } = await stress([...few, "--rate", "20k", "-d", "1s"]);
    expect(code).toBe(0);
    const { timer_us: timer, schedule_lag_us: lag } = result.generator;
    // A sleep of 100 us never ends early, and nobody waits for longer than 300 us.
    expect(timer!.p50).toBeGreaterThan(0);
    expect(timer!.p99).toBeGreaterThanOrEqual(timer!.p50);
    expect(timer!.together).toBe(Math.min(timer!.p99, 300));
    expect(timer!.added).toBeGreaterThan(0);
    expect(timer!.added).toBeLessThan(timer!.together);
    // What it adds is part of the lateness, and that of the latency from the schedule.
    expect(lag.max).toBeGreaterThanOrEqual(timer!.added);
    expect(result.latency_corrected_us!.mean - result.latency_us.mean).toBeGreaterThan(
      timer!.added,
    );
  });

  it("lets no message wait that is due alone, and has no timer in a closed loop or with ticks", async () => {
    const rare = await stress(["-c", "1", "--rate", "100", "-d", "400ms"]);
    expect(rare.result.generator.timer_us).toMatchObject({ added: 0 });
    for (const args of [["-n", "20"], ["--rate", "1k", "--tick", "10ms", "-d", "200ms"]]) {
      const { result } = await stress(["-c", "1", ...args]);
      expect(result.generator.timer_us).toBe(null);
    }
  });

  it("does not count what is due during --warmup", async () => {
    const { code, result } = await stress([...few, "-r", "1k", "-d", "500ms", "--warmup", "2s"]);
    expect(code).toBe(0);
    expect(Math.abs(result.generator.scheduled! - 1000 * counted(result, 0.5))).toBeLessThanOrEqual(
      4,
    );
    expect(allAccountedFor(result)).toBe(true);
    expect(result.bytes.sent).toBe(result.messages.sent * SIZE);
    expect(result.duration_s).toBeLessThan(2); // which the warm-up takes alone
  });

  it("counts a message that never gets an answer as timed out", async () => {
    await using silent = await answering((message, sequence) => sequence > 20 ? null : message);
    const args = ["-c", "1", "--rate", "200", "-d", "5s", "--timeout", "300ms"];
    const { code, result } = await stress([silent.name, ...args]);
    expect(code).toBe(4);
    expect(result.messages.verified).toBe(21);
    expect(result.messages.timed_out > 0).toBe(true);
    expect(allAccountedFor(result)).toBe(true);
  });
});
