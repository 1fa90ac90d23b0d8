// iomux stress says what has limited a run, and knows when it was itself.
import { describe, expect, it } from "bun:test";
import { Socket } from "../../../lib/net/mod.ts";
import { c } from "../../../lib/sys/posix.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { spawnCli, startServe } from "../../support/cli.ts";
import { itUnless, NO_SIGNALS } from "../../support/systems.ts";
import { sleep } from "../../support/waiting.ts";
import { answering, stress } from "../../support/misbehaving.ts";

/** More than any single thread can send. */
const tooMuch = ["--rate", "10m", "-d", "1100ms"];

/**
 * Runs until the limit is this one, a few times, as a machine can be so busy that its generator really is
 * the bottleneck: but then it must have been late, or have stood still.
 */
async function expectLimit(args: string[], limit: RegExp): Promise<void> {
  for (let tries = 5;; tries--) {
    const { generator, verdict } = (await stress(args)).result;
    const { bottleneck, limited_by: text } = generator;
    if (!bottleneck && (limit.test(text) || tries === 0)) {
      expect(text).toMatch(limit);
      expect([generator.reason, verdict]).toEqual([null, "pass"]);
      return;
    }
    if (!bottleneck || tries > 0) continue;
    const { schedule_lag_us: lag, loop_stalls: stalls } = generator;
    expect([text, lag.p99 > 10_000 || stalls.count > 0]).toEqual([text, true]);
    return console.log(`not run: ${limit.source}: this machine is too busy: ${text}`);
  }
}

/** Echoes what comes, but accepts only one connection until it is told to go on. */
class Hesitant implements Disposable {
  readonly #listener = Socket.listen({ host: "127.0.0.1", port: 0, backlog: 1 });
  readonly #sockets: Socket[] = [];
  readonly #buffer = new Uint8Array(new ArrayBuffer(4096));
  readonly #timer = setInterval(() => this.#turn(), 2);
  #most = 1;

  get name(): string {
    return `127.0.0.1:${(this.#listener.localAddress as { port: number }).port}`;
  }
  get accepted(): number {
    return this.#sockets.length;
  }

  /** Accepts all, with a longer queue. */
  goOn(): void {
    c.listen(this.#listener.fileno(), 64);
    this.#most = Infinity;
  }

  #turn(): void {
    while (this.accepted < this.#most) {
      const socket = this.#listener.accept();
      if (socket === null) break;
      this.#sockets.push(socket);
    }
    for (const socket of this.#sockets) {
      if (socket.fileno() < 0) continue;
      try {
        const received = socket.recv(this.#buffer);
        if (received > 0) socket.send(this.#buffer, 0, received);
        else if (received === 0) socket.close();
      } catch {
        socket.close();
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.close();
    this.#listener.close();
  }
}

describe("stress knows when it was the bottleneck", () => {
  it("at a rate that no thread can send: invalid, and exit code 8 with --strict", async () => {
    await using cli = spawnCli(["stress", ...tooMuch, "--strict", "--json"]);
    expect(await cli.exit).toEqual({ code: 8, signal: null });
    const { generator, verdict }: StressResult = JSON.parse(cli.stdout());
    expect(generator.bottleneck).toBe(true);
    expect(generator.reason).toMatch(/^messages left up to .* late \(p99\), and .* did not leave/);
    expect(generator.limited_by.includes(generator.reason!)).toBe(true);
    expect(verdict).toBe("invalid");
  });

  itUnless(
    NO_SIGNALS,
    "when it was stopped for half a second: invalid, and no failure",
    async () => {
      await using serve = await startServe();
      await using cli = spawnCli(
        ["stress", serve.name, "-c", "4", "--rate", "1k", "-d", "1500ms", "--json"],
      );
      const { bytes_in: begun } = await serve.statsWhen((stats) => stats.bytes_in > 0);
      expect(begun > 0).toBe(true);
      await cli.freeze();
      await sleep(500);
      cli.kill("SIGCONT");
      expect(await cli.exit).toEqual({ code: 0, signal: null });
      const result: StressResult = JSON.parse(cli.stdout());
      const { generator } = result;
      expect(generator.loop_stalls.max_us >= 450_000).toBe(true);
      expect(generator.schedule_lag_us.max >= 450_000).toBe(true);
      expect(generator.bottleneck).toBe(true);
      expect(generator.reason).toMatch(/^messages left up to .* late \(p99\)/);
      expect(result.verdict).toBe("invalid");
      expect(result.messages.verified).toBe(result.messages.sent);
    },
  );
});

describe("stress says what limited it", () => {
  it("the time that the target takes", async () => {
    await using serve = await startServe(["--delay", "20ms"]);
    await expectLimit(
      [serve.name, "-c", "4", "-d", "1100ms"],
      /^the target.*4 in flight at a mean latency of [2-9]\d(\.\d)? ms make \d+\/s at most/,
    );
  });

  it("nothing, when the asked rate is reached", async () => {
    const args = ["-c", "4", "--rate", "500", "-d", "1100ms"];
    await expectLimit(args, /^nothing: the asked rate was reached \(\d+\/s\)/);
  });

  it("an accept queue that was full", async () => {
    using hesitant = new Hesitant();
    const running = stress([hesitant.name, "-c", "8", "-n", "8", "--timeout", "15s"], 20_000);
    while (hesitant.accepted === 0) await sleep(5);
    await sleep(500);
    hesitant.goOn();
    const { code, result } = await running;
    expect(code).toBe(0);
    expect(result.connections.established).toBe(8);
    // SYN was dropped, and is sent again after a second.
    if (process.platform === "linux") expect(result.connect_us.max >= 900_000).toBe(true);
    if (result.kernel === null) return console.log("not run: kernel counters: they can't be read");
    expect(result.kernel.ListenOverflows! >= 1).toBe(true);
    expect(result.generator.limited_by).toMatch(
      /^connecting: SYN had to be sent again \d+ times?, .*accept queue was full, or the network lost packets; an accept queue of this machine overflowed \d+ time/,
    );
    expect(result.generator.bottleneck).toBe(false);
  });

  it("which connections waited longest, and that it was not the network", async () => {
    await using slow = await answering((message, sequence, { number, socket }) => {
      if (number !== 2 || sequence !== 3) return message;
      const late = Buffer.from(message);
      setTimeout(() => socket.write(late), 120);
      return null;
    });
    const { result } = await stress([slow.name, "-c", "8", "-n", "80"]);
    const { slowest } = result;
    if (slowest.length === 0) return console.log("not run: TCP_INFO: the system does not tell");
    expect(slowest.length).toBe(5);
    expect(slowest[0]!.latency_us >= 119_000).toBe(true);
    expect(slowest[0]!.latency_us).toBe(result.latency_us.max);
    expect(slowest.every((one, i) => i === 0 || one.latency_us <= slowest[i - 1]!.latency_us))
      .toBe(true);
    expect(slowest.every(({ congestion_window }) => congestion_window > 0)).toBe(true);
    expect(slowest[0]!.rtt_us < 110_000).toBe(true);
  });

  it("where it ran", async () => {
    const { result } = await stress(["-c", "1", "-n", "1"]);
    const { machine } = result;
    expect(machine.os).toBe(process.platform);
    expect(machine.cpus >= 1 && machine.memory_bytes > 2 ** 20).toBe(true);
    expect(machine.runtime).toMatch(/^(bun|deno|node) \d+\.\d+\.\d+/);
    expect(machine.kernel).toMatch(/^\d/);
  });
});
