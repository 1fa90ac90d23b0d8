// What is due before --warmup is over is in no figure, however late it leaves or is answered; and a warm-up takes
// nothing away from a ramp.
import { describe, expect, it } from "bun:test";
import { engineMissing } from "../../../lib/engine/mod.ts";
import { startServe } from "../../support/cli.ts";
import {
  answering,
  counted,
  stress,
  type Target,
  target as makeTarget,
} from "../../support/misbehaving.ts";
import { checkRows } from "../../support/rows.ts";

const STALL_MS = 2300;
/** Messages due after a warm-up of 2 s wait for 300 ms at most; those before, for up to 2.3 s. */
const args = ["-c", "4", "--rate", "500", "-d", "1s", "--warmup", "2s"];
const LONG_US = 1_400_000;

/** Answers nothing for `STALL_MS` milliseconds from its first message on, and then all at once. */
function stalling(): Promise<Target> {
  const held: (() => void)[] = [];
  let [begun, over] = [false, false];
  return answering((message, _, { socket }) => {
    if (over) return message;
    if (!begun) {
      setTimeout(() => {
        over = true;
        for (const send of held.splice(0)) send();
      }, STALL_MS);
    }
    begun = true;
    const reply = Buffer.from(message);
    held.push(() => socket.writable && socket.write(reply));
    return null;
  });
}

/** An echo in parts that end anywhere, so that the end of a warm-up comes within a reply. */
const dripping = () =>
  makeTarget(({ socket }) => {
    let pending: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => pending = Buffer.concat([pending, chunk]));
    const timer = setInterval(() => {
      const count = Math.ceil(pending.length * 0.7);
      if (count > 0 && socket.writable) socket.write(pending.subarray(0, count));
      pending = pending.subarray(count);
    }, 1);
    socket.on("close", () => clearInterval(timer));
  });

describe("the backlog of a warm-up", () => {
  for (const pipeline of [[], ["--pipeline", "1"], ["--tick", "10ms"]]) {
    it(`is in no latency and no lag of what counts: ${pipeline.join(" ") || "no limit"}`, async () => {
      await using target = await stalling();
      const { code, result } = await stress([target.name, ...args, ...pipeline]);
      const { messages, generator, latency_us: us, latency_corrected_us: corrected } = result;
      expect(code).toBe(0);
      expect(messages.verified).toBe(messages.sent);
      expect(us.count).toBe(messages.verified);
      expect(messages.sent + generator.unsent).toBe(generator.scheduled!);
      // Not those of three seconds.
      expect(Math.abs(generator.scheduled! - 500 * counted(result, 1))).toBeLessThanOrEqual(14);
      expect(us.max).toBeLessThan(LONG_US);
      expect(corrected!.max).toBeLessThan(LONG_US);
      expect(generator.schedule_lag_us.max).toBeLessThan(LONG_US);
      checkRows(result);
    });
  }

  it("does not leave in front of what counts: a target that can't keep the rate", async () => {
    await using target = await answering((message, _, { socket }) => {
      const reply = Buffer.from(message);
      setTimeout(() => socket.writable && socket.write(reply), 100);
      return null;
    });
    const { code, result: { messages, generator, latency_us: us } } = await stress([
      ...[target.name, "-c", "2", "--rate", "100", "--pipeline", "1"],
      ...["--warmup", "1s", "-d", "1s"],
    ]);
    expect(code).toBe(0);
    // At most ten replies a second on each of two connections, and one that is under way.
    expect(messages.sent).toBeGreaterThan(2);
    expect(messages.sent).toBeLessThanOrEqual(22);
    expect(messages.verified).toBe(messages.sent);
    expect(us.count).toBe(messages.verified);
    expect(messages.sent + generator.unsent).toBe(generator.scheduled!);
    expect(generator.bottleneck).toBe(false);
  });
});

describe("the bytes of a warm-up", () => {
  const SIZE = 1500;
  const kinds: [what: string, args: string[]][] = [
    ["a closed loop", ["-s", `${SIZE}B`]],
    ["a pipeline", ["-s", `${SIZE}B`, "--pipeline", "40"]],
    ["replies as frames", [
      "-m",
      "x".repeat(SIZE - 1) + "\\n",
      "--expect",
      "/x+/",
      "--pipeline",
      "40",
    ]],
    ["churn", ["-s", `${SIZE}B`, "--messages-per-connection", "3"]],
    ["a schedule that the target can't keep", [
      "-s",
      `${SIZE}B`,
      "--rate",
      "2k",
      "--pipeline",
      "9",
    ]],
  ];
  for (const [what, more] of kinds) {
    it(`count no more than its messages: ${what}`, async () => {
      await using target = await dripping();
      const args = ["-c", "20", "--warmup", "150ms", "-d", "200ms", ...more];
      const { code, result: { messages, bytes } } = await stress([target.name, ...args]);
      expect(code).toBe(0);
      expect(messages.verified).toBe(messages.sent);
      expect(bytes).toEqual({ sent: messages.sent * SIZE, received: messages.received * SIZE });
    });
  }
});

describe("the bytes of a warm-up without replies", () => {
  for (
    const engine of engineMissing("uring") === undefined ? ["readiness", "uring"] : ["readiness"]
  ) {
    it(`count no more than its messages: ${engine}`, async () => {
      await using server = await startServe(["--service", "discard"]);
      const { result: { messages, bytes } } = await stress([
        ...[server.name, "--expect", "none", "-s", "1500B", "-c", "5", "--client-engine", engine],
        ...["--warmup", "100ms", "-d", "150ms"],
      ]);
      expect(bytes).toEqual({ sent: messages.sent * 1500, received: 0 });
    });
  }
});

describe("--ramp after --warmup", () => {
  it("raises the rate from nothing while it counts", async () => {
    const { code, result } = await stress([
      ...["-c", "4", "--rate", "2k", "-d", "1s", "--ramp", "1s", "--warmup", "1s"],
    ]);
    expect(code).toBe(0);
    // The area under the ramp, from where counting began; twice as many were the ramp hidden.
    const due = 1000 * (1 - (1 - counted(result, 1)) ** 2);
    expect(Math.abs(result.generator.scheduled! - due)).toBeLessThanOrEqual(14);
  });

  it("opens connections while it counts", async () => {
    const { code, result } = await stress([
      ...["-c", "40", "-d", "2s", "--ramp", "2s", "--warmup", "1s", "--think", "5ms"],
    ]);
    expect(code).toBe(0);
    const [first, ...later] = result.timeline.map(({ active }) => active);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(30);
    expect(later.at(-1)).toBeGreaterThan(first!);
  });
});
