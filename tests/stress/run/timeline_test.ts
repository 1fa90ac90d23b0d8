// The rows of a run add up to its totals, lie within it and don't contradict themselves: at a high rate, in a run
// that ends in a sliver of a second, with several threads, against a target that never closes.
import { describe, expect, it } from "bun:test";
import { startServe } from "../../support/cli.ts";
import { answering, type Outcome, SIZE, stress, target } from "../../support/misbehaving.ts";
import { checkRows } from "../../support/rows.ts";

/** An echo that sees the client's FIN and does not close. */
const deaf = () =>
  target(({ socket }) => socket.on("data", (bytes: Buffer) => socket.write(bytes)), false);

async function against(
  server: Promise<AsyncDisposable & { name: string }>,
  args: string[],
): Promise<Outcome["result"]> {
  await using running = await server;
  const { result } = await stress([running.name, ...args]);
  checkRows(result);
  expect(result.messages.verified).toBeGreaterThan(0);
  if (result.verdict !== "fail") { // nothing has ended a connection before the run did
    for (const { active } of result.timeline) expect(active).toBe(result.config.connections);
  }
  return result;
}

describe("the rows of a run", () => {
  it("are its totals at 50,000 messages a second", async () => {
    const result = await against(startServe(), ["-c", "10", "--rate", "50k", "-d", "1200ms"]);
    const { sent, verified } = result.messages;
    expect(sent).toBe(verified);
    expect(sent + result.generator.unsent).toBe(result.generator.scheduled!);
  });

  it("are its totals when it ends in a sliver of a second: one row", async () => {
    const { timeline } = await against(startServe(), [
      "-c",
      "10",
      "-d",
      "1150ms",
      "--think",
      "1ms",
    ]);
    expect(timeline.length).toBe(1);
  });

  it("are its totals with threads of their own and after a warm-up", async () => {
    const args = ["-c", "10", "--rate", "5k", "-d", "1150ms", "--warmup", "300ms"];
    await against(startServe(), [...args, "--workers", "2"]);
  });

  it("end with it, however long the target keeps its connections open", async () => {
    for (const args of [["--rate", "2k"], ["--think", "1ms"]]) {
      const { timeline } = await against(deaf(), ["-c", "4", "-d", "1300ms", ...args]);
      expect(timeline.length).toBe(2);
      expect(timeline.every(({ sent }) => sent > 0)).toBe(true);
    }
  });

  it("have every error once: lost connections, replies that are wrong or never come", async () => {
    let connections = 0;
    const spoilt = answering((message, sequence, { number, socket }) => {
      connections = Math.max(connections, number);
      if (sequence < 5 || number > 12) return message;
      if (number % 3 === 0) return null;
      if (number % 3 === 1) return Buffer.alloc(SIZE);
      socket.destroy();
      return null;
    });
    const args = ["-c", "6", "-d", "1500ms", "--timeout", "200ms", "--reconnect"];
    const { messages, connections: { lost } } = await against(spoilt, args);
    expect([messages.timed_out > 0, messages.mismatched > 0, lost > 0]).toEqual([true, true, true]);
  });
});
