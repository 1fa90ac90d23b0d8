// Targets that close, reset, stall or are not there: the exit code says which, and the run ends.
import { describe, expect, it } from "bun:test";
import { engineMissing } from "../../../../lib/engine/mod.ts";
import { Socket } from "../../../../lib/net/mod.ts";
import { spawnCli } from "../../../support/cli.ts";
import { allAccountedFor, answering, SIZE, stress, target } from "../../../support/misbehaving.ts";

const stillness = ["--timeout", "300ms"];

describe("stress and a target that closes", () => {
  it("in the middle of a message: truncated, exit 6", async () => {
    await using closing = await answering((message, sequence, { socket }) => {
      if (sequence < 3) return message;
      socket.end(message.subarray(0, 20));
      return null;
    });
    const { code, result } = await stress([closing.name, "-c", "1", "-n", "10"]);
    expect(code).toBe(6);
    const { kind, offset, expected, actual } = result.first_mismatch!;
    expect({ kind, offset, actual }).toEqual({
      kind: "truncated",
      offset: 3 * SIZE + 20,
      actual: "",
    });
    expect(expected.length).toBe(32);
    expect(result.messages).toEqual({
      in_flight: 0,
      sent: 4,
      received: 3,
      verified: 3,
      mismatched: 1,
      timed_out: 0,
      lost: 0,
    });
    expect(result.connections.lost).toBe(0); // an error counts once
  });

  it("between messages, with some unanswered: lost, exit 5", async () => {
    await using closing = await answering((message, sequence, { socket }) => {
      if (sequence < 3) return message;
      if (sequence === 3) socket.end();
      return null;
    });
    const { code, result } = await stress([
      ...[closing.name, "-c", "1", "-n", "40", "--pipeline", "4"],
    ]);
    expect(code).toBe(5);
    expect(result.first_mismatch).toBe(null);
    expect(result.messages.verified).toBe(3);
    expect(result.messages.mismatched).toBe(0);
    expect(result.messages.lost).toBeGreaterThan(0);
    expect(allAccountedFor(result)).toBe(true);
    expect(result.connections.lost).toBe(1);
    expect(result.errors).toEqual({ FIN: 1 });
  });

  it("by a reset after a wrong reply: that is one error, and the reset has no code", async () => {
    await using resetting = await answering((message, _, { socket }) => {
      socket.write(Buffer.from(message).reverse(), () => socket.resetAndDestroy());
      return null;
    });
    const { code, result } = await stress([resetting.name, "-c", "3", "-n", "3"]);
    expect(code).toBe(6);
    expect(result.messages.mismatched).toBe(3);
    expect([result.connections.lost, result.errors]).toEqual([0, { MISMATCH: 3 }]);
  });

  it("as soon as it has accepted: exit 5", async () => {
    await using closing = await target(({ socket }) => void socket.destroy());
    const { code, result } = await stress([closing.name, "-c", "10", "-n", "100"]);
    expect(code).toBe(5);
    expect(result.connections.established).toBe(10);
    expect(result.connections.lost).toBe(10);
    expect(result.messages.verified).toBe(0);
    expect(allAccountedFor(result)).toBe(true);
  });

  it("with a reset: exit 5 and ECONNRESET", async () => {
    await using resetting = await answering((message, sequence, { number, socket }) => {
      if (sequence < 3 || number > 0) return message;
      socket.resetAndDestroy();
      return null;
    });
    const { code, result } = await stress([resetting.name, "-c", "4", "-n", "40"]);
    expect(code).toBe(5);
    expect(result.errors).toEqual({ ECONNRESET: 1 });
    expect(result.connections.lost).toBe(1);
    expect(result.messages.verified).toBe(33);
    expect(result.messages.lost).toBe(1);
    expect(result.first_mismatch).toBe(null);
    expect(allAccountedFor(result)).toBe(true);
  });

  for (
    const engine of engineMissing("uring") === undefined ? ["readiness", "uring"] : ["readiness"]
  ) {
    it(`by a reset right after a reply, which counts all the same, on ${engine}`, async () => {
      let replies = 0;
      await using resetting = await answering((message, sequence, { socket }) => {
        if (sequence > 5) return null;
        replies++;
        if (sequence < 5) return message;
        socket.write(Buffer.from(message));
        setTimeout(() => socket.resetAndDestroy(), 0);
        return null;
      });
      const load = ["-c", "20", "-n", "4000", "--rate", "20k", "--reconnect"];
      const { code, result } = await stress([
        ...[resetting.name, ...load, "--client-engine", engine],
      ]);
      expect(code).toBe(5);
      expect(result.messages.verified).toBe(replies);
      expect(allAccountedFor(result)).toBe(true);
    });
  }

  it("with nothing left to do for it: no failure", async () => {
    await using closing = await answering((message, sequence, { socket }) => {
      if (sequence < 9) return message;
      socket.end(message);
      return null;
    });
    const { code, result } = await stress([closing.name, "-c", "1", "-n", "10"]);
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(10);
    expect(result.connections.lost).toBe(0);
  });
});

describe("stress and a target that is slow", () => {
  it("never answers: exit 4 after the timeout", async () => {
    await using silent = await answering(() => null);
    const { code, result, ms } = await stress([silent.name, "-c", "5", "-n", "50", ...stillness]);
    expect(code).toBe(4);
    expect(result.messages.timed_out).toBe(5);
    expect(result.connections.lost).toBe(0); // we have closed them, and an error counts once
    expect(result.errors).toEqual({ ETIMEDOUT: 5 });
    // Of several messages in flight each is one, by its code as well.
    const many = await stress([
      silent.name,
      "-c",
      "2",
      "--pipeline",
      "5",
      "-n",
      "50",
      ...stillness,
    ]);
    expect(many.result.messages.timed_out).toBe(10);
    expect(many.result.errors).toEqual({ ETIMEDOUT: 10 });
    // Waiting for them is a part of the run, and of what the generator's CPU time is divided by.
    expect(result.duration_s).toBeGreaterThan(0.29);
    expect(result.generator.cpu_percent).toBeLessThan(1000);
    expect(allAccountedFor(result)).toBe(true);
    expect(ms).toBeLessThan(45_000);
  });

  it("stops in the middle of a message: exit 4", async () => {
    await using stalling = await answering((message, sequence) =>
      sequence < 3 ? message : message.subarray(0, 20)
    );
    const { code, result } = await stress([stalling.name, "-c", "1", "-n", "10", ...stillness]);
    expect(code).toBe(4);
    expect(result.messages.verified).toBe(3);
    expect(result.messages.timed_out).toBe(1);
    expect(result.first_mismatch).toBe(null);
  });

  it("sends a byte now and then: exit 4, as no whole reply comes in time", async () => {
    await using dripping = await answering((message, _, { socket }) => {
      let at = 0;
      const timer = setInterval(() => {
        if (at === message.length || !socket.writable) clearInterval(timer);
        else socket.write(message.subarray(at, ++at));
      }, 50);
      return null;
    });
    const { code, result, ms } = await stress([dripping.name, "-c", "1", "-n", "2", ...stillness]);
    expect(code).toBe(4);
    expect(result.messages.timed_out).toBe(1);
    expect(ms).toBeLessThan(45_000);
  });

  it("answers each message late, but in time: exit 0", async () => {
    await using slow = await answering((message, _, { socket }) => {
      const reply = Buffer.from(message);
      setTimeout(() => socket.write(reply), 30);
      return null;
    });
    const { code, result } = await stress([slow.name, "-c", "5", "-n", "50", ...stillness]);
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(50);
    expect(result.latency_us.min).toBeGreaterThan(25_000);
  });

  it("reads nothing: exit 4, also when nothing is expected back", async () => {
    await using unread = await target(({ socket }) => void socket.pause());
    const { code, result } = await stress([
      ...[unread.name, "-c", "1", "-n", "100", "-s", "1MiB", "--expect", "none", ...stillness],
    ]);
    expect(code).toBe(4);
    expect(result.verdict).toBe("fail");
  });

  it("is still answering when the time is over: its last reply is waited for", async () => {
    await using slow = await answering((message, _, { socket }) => {
      const reply = Buffer.from(message);
      setTimeout(() => socket.write(reply), 400);
      return null;
    });
    const { code, result, ms } = await stress([slow.name, "-c", "1", "-d", "200ms"]);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ verified: result.messages.sent, lost: 0 });
    expect(ms).toBeLessThan(45_000);
  });
});

describe("stress and a target that cannot be reached", () => {
  it("refuses: exit 3, and every attempt is counted", async () => {
    const probe = Socket.listen({ host: "127.0.0.1" });
    const { port } = probe.localAddress as { port: number };
    probe.close();
    const { code, result } = await stress([`127.0.0.1:${port}`, "-c", "40", "-n", "100"]);
    expect(code).toBe(3);
    expect(result.connections).toEqual({
      requested: 40,
      established: 0,
      failed: 40,
      lost: 0,
      reconnected: 0,
      peak: 0,
    });
    expect(result.errors).toEqual({ ECONNREFUSED: 40 });
    expect(result.messages.sent).toBe(0);
  });

  it("does not take the connection in time: exit 4", async () => {
    // Nobody accepts: the kernel takes backlog + 1 connections and drops the SYNs of the others.
    using full = Socket.listen({ host: "127.0.0.1", backlog: 0 });
    const { port } = full.localAddress as { port: number };
    const { code, result, ms } = await stress([
      ...[`127.0.0.1:${port}`, "-c", "4", "-n", "4", ...stillness],
    ]);
    expect(code).toBe(4);
    expect(result.connections.failed).toBeGreaterThan(0);
    expect(result.errors.ETIMEDOUT).toBeGreaterThan(0);
    expect(ms).toBeLessThan(45_000);
  });

  it("has a name that does not resolve: exit 3 in one line, without a result", async () => {
    await using cli = spawnCli(["stress", "no-such-host.invalid:9", "-n", "1"]);
    expect((await cli.exit).code).toBe(3);
    expect(cli.stdout()).toBe("");
    expect(cli.stderr()).toMatch(/^iomux: Cannot resolve no-such-host\.invalid: .*\n$/);
  });

  it("is a Unix socket that is not there: exit 3", async () => {
    const { code, result } = await stress(["--unix", "/nonexistent/socket", "-c", "2", "-n", "2"]);
    expect(code).toBe(3);
    expect(result.errors).toEqual({ ENOENT: 2 });
    expect(result.target).toBe("unix:/nonexistent/socket");
  });
});
