// The shapes of a load: churn, holding, replacing what is lost, paced connects, local addresses.
import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { Socket } from "../../../../lib/net/mod.ts";
import { TempDir } from "../../../support/files.ts";
import { startServe } from "../../../support/cli.ts";
import { allAccountedFor, answering, stress, target } from "../../../support/misbehaving.ts";

describe("stress --messages-per-connection", () => {
  it("connects anew, and verifies each stream from where the last one ended", async () => {
    await using serve = await startServe(["--stats"]);
    const args = ["-c", "3", "-n", "600", "--messages-per-connection", "20", "-s", "10B"];
    const { code, result } = await stress([serve.name, ...args]);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 600, verified: 600, lost: 0 });
    expect(result.connections).toEqual({
      ...{ requested: 3, established: 30, failed: 0, lost: 0, reconnected: 27, peak: 3 },
    });
    expect(result.connect_us.count).toBe(30);
    const stats = await serve.stats();
    expect(stats.accepted).toBe(30);
  });

  it("does so in an open loop", async () => {
    const args = ["-c", "4", "-r", "2k", "-n", "500", "--messages-per-connection", "7"];
    const { code, result } = await stress(args);
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 500, verified: 500, lost: 0 });
    expect(result.connections.reconnected >= 60).toBe(true);
  });

  it("takes a server that closes after each answer as it is", async () => {
    await using once = await answering((message, _, { socket }) => {
      socket.end(message);
      return null;
    });
    const args = [once.name, "-c", "2", "-n", "40", "--messages-per-connection", "1"];
    const { code, result } = await stress(args);
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(40);
    expect(result.connections).toMatchObject({ lost: 0, reconnected: 38 });
  });
});

describe("stress --warmup with --messages", () => {
  for (
    const shape of [[], ["-r", "2k"], ["--messages-per-connection", "9"], ["--pipeline", "8"]]
  ) {
    it(`counts as many messages as were asked for: ${shape.join(" ") || "in a closed loop"}`, async () => {
      const args = ["-c", "3", "-n", "200", "--warmup", "80ms", ...shape];
      const { code, result } = await stress(args);
      expect(code).toBe(0);
      expect(result.messages).toMatchObject({ sent: 200, verified: 200, lost: 0 });
      expect(result.latency_us.count).toBe(200);
    });
  }
});

describe("stress --hold", () => {
  it("exchanges one message on each connection and keeps them open", async () => {
    await using serve = await startServe();
    const running = stress([serve.name, "-c", "200", "--hold", "-d", "2s"]);
    const { active } = await serve.statsWhen((stats) => stats.active === 200);
    expect(active).toBe(200);
    const { code, result } = await running;
    expect(code).toBe(0);
    expect(result.messages).toMatchObject({ sent: 200, verified: 200 });
    expect(result.connections).toMatchObject({ established: 200, lost: 0, peak: 200 });
    expect(result.duration_s >= 1.9).toBe(true);
  });

  it("holds more and more with a ramp, and as many as a stage wants", async () => {
    await using serve = await startServe();
    const ramp = await stress([serve.name, "-c", "20", "--hold", "--ramp", "300ms", "-d", "600ms"]);
    expect(ramp.code).toBe(0);
    expect(ramp.result.connections).toMatchObject({ established: 20, peak: 20, lost: 0 });
    expect(ramp.result.messages).toMatchObject({ sent: 20, verified: 20 });
    using folder = new TempDir();
    const stages = [5, 15, 2].map((connections) => ({ duration: "300ms", connections }));
    writeFileSync(folder.file("s.json"), JSON.stringify({ hold: true, stages }));
    const { code, result } = await stress([serve.name, "--scenario", folder.file("s.json")]);
    expect(code).toBe(0);
    expect(result.connections).toMatchObject({ established: 15, peak: 15, lost: 0 });
    expect(result.messages).toMatchObject({ sent: 15, verified: 15 });
  });

  it("notices a held connection that the peer ends: lost, exit 5", async () => {
    await using fickle = await target(({ socket, number }) => {
      socket.on("data", (bytes) => socket.write(bytes));
      if (number === 1) setTimeout(() => socket.end(), 300);
    });
    const { code, result } = await stress([fickle.name, "-c", "3", "--hold", "-d", "600ms"]);
    expect(code).toBe(5);
    expect(result.connections).toMatchObject({ established: 3, lost: 1 });
    expect(result.messages).toMatchObject({ verified: 3, lost: 0 });
  });
});

describe("stress --reconnect", () => {
  it("replaces what is lost, and counts each loss", async () => {
    let closed = 0;
    await using fickle = await answering((message, sequence, { socket }) => {
      if (sequence < 10 || closed >= 5) return message;
      closed++;
      socket.resetAndDestroy();
      return null;
    });
    const args = [fickle.name, "-c", "2", "-d", "500ms", "--reconnect"];
    const { code, result } = await stress(args);
    expect(code).toBe(5);
    expect(closed).toBe(5);
    expect(result.connections).toMatchObject({ lost: 5, reconnected: 5, established: 7 });
    expect(result.messages.verified > 50).toBe(true);
    expect(result.errors).toEqual({ ECONNRESET: 5 });
    expect(allAccountedFor(result)).toBe(true);
  });

  it("tries again, and not in a hurry, where nobody listens for a while", async () => {
    using reserved = Socket.listen({ host: "127.0.0.1", port: 0 });
    const { port } = reserved.localAddress as { port: number };
    await using first = await answering((message) => message);
    // All connections end, and the port is closed: nothing can be reached any more.
    void first;
    reserved.close();
    const args = [`127.0.0.1:${port}`, "-c", "2", "-d", "400ms", "--reconnect"];
    const { code, result } = await stress(args);
    expect(code).toBe(3);
    expect(result.connections.established).toBe(0);
    expect(result.connections.failed < 60).toBe(true);
  });
});

describe("stress --connect-rate and --ramp", () => {
  it("spaces the connects", async () => {
    const started = performance.now();
    const { code, result } = await stress(["-c", "20", "-n", "20", "--connect-rate", "40"]);
    expect(code).toBe(0);
    expect(performance.now() - started >= 475).toBe(true); // 19 intervals of 25 ms
    expect(result.connections.established).toBe(20);
  });

  it("begins with few connections and ends with all", async () => {
    const { code, result } = await stress(["-c", "50", "-d", "1200ms", "--ramp", "800ms"]);
    expect(code).toBe(0);
    expect(result.connections).toMatchObject({ established: 50, peak: 50 });
    expect(result.timeline[0]!.active > 0 && result.timeline[0]!.active <= 50).toBe(true);
  });
});

describe("stress --source", () => {
  it("takes the addresses in turn", async () => {
    const peers: (string | undefined)[] = [];
    await using echo = await target(({ socket }) => {
      peers.push(socket.remoteAddress);
      socket.on("data", (bytes) => socket.write(bytes));
    });
    const args = [echo.name, "-c", "6", "-n", "6", "--source", "127.0.0.8/30,127.0.0.77"];
    const { code } = await stress(args);
    expect(code).toBe(0);
    expect(peers.toSorted()).toEqual([
      ...["127.0.0.10", "127.0.0.10", "127.0.0.77", "127.0.0.77", "127.0.0.9", "127.0.0.9"],
    ]);
  });

  it("fails on an address that is not ours: EADDRNOTAVAIL, exit 3", async () => {
    await using echo = await answering((message) => message);
    const { code, result } = await stress([
      echo.name,
      "-c",
      "1",
      "-n",
      "1",
      "--source",
      "192.0.2.1",
    ]);
    expect(code).toBe(3);
    expect(result.errors).toEqual({ EADDRNOTAVAIL: 1 });
  });
});
