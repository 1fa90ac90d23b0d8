// Several generator threads: the run is one, whatever becomes of the connections of some of them.
import { describe, expect, it } from "bun:test";
import { answering, stress } from "../../support/misbehaving.ts";
import { checkRows } from "../../support/rows.ts";

/** Resets the first of its two connections, which is one thread's only one, at a message. */
const resetting = (at: number) =>
  answering((message, sequence, { number, socket }) => {
    if (number > 0 || sequence < at) return message;
    socket.resetAndDestroy();
    return null;
  });

describe("a thread whose connections are gone", () => {
  const args = ["-c", "2", "--workers", "2"];

  it("has its share of the schedule, which is told as unsent", async () => {
    await using target = await resetting(5);
    const { code, result } = await stress([target.name, ...args, "--rate", "200", "-d", "1s"]);
    const { generator: { scheduled, unsent }, messages } = result;
    expect(code).toBe(5);
    expect(Math.abs(scheduled! - 200)).toBeLessThanOrEqual(8);
    expect(messages.sent + unsent).toBe(scheduled!);
    expect(unsent).toBeGreaterThan(40);
    checkRows(result);
  });

  for (const loop of [[], ["--rate", "200"]]) {
    it(`makes the run no longer when that was in the warm-up: ${loop.join(" ")}`, async () => {
      await using target = await resetting(0);
      const times = ["--warmup", "3s", "-d", "300ms"];
      const { code, result } = await stress([target.name, ...args, ...times, ...loop]);
      expect(code).toBe(5);
      expect(result.duration_s).toBeLessThan(3);
      checkRows(result);
    });
  }

  it("waits no longer than there is something to do: all are gone, or all messages are sent", async () => {
    await using target = await answering((_, __, { socket }) => {
      socket.resetAndDestroy();
      return null;
    });
    const gone = await stress([target.name, ...args, "-d", "60s"]);
    expect(gone.code).toBe(5);
    expect(gone.result.duration_s).toBeLessThan(30);
    await using echo = await answering((message) => message);
    const done = await stress([echo.name, ...args, "-n", "100"]);
    expect(done.code).toBe(0);
    expect(done.result.messages.verified).toBe(100);
    checkRows(done.result);
  });
});
