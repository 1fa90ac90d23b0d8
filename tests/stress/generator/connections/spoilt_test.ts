// A reply that was verified, and behind which more comes before the next message leaves: it is a wrong one then, in
// every figure.
import { describe, expect, it } from "bun:test";
import { parseResult } from "../../../../lib/result/read.ts";
import {
  allAccountedFor,
  answering,
  SIZE,
  stress,
  type Target,
  target,
} from "../../../support/misbehaving.ts";

/** Later than the reply, so that it was received by itself. */
const LATER_MS = 50;

/** An echo that sends more behind reply number `last` of each connection, from 0. */
const chatty = (last: number, ms = LATER_MS) => (): Promise<Target> =>
  answering((message, sequence, { socket }) => {
    if (sequence === last) setTimeout(() => socket.writable && socket.write("more"), ms);
    return message;
  });

/** An echo that sends more once the client has ended. */
const lastWord = (): Promise<Target> =>
  target(({ socket }) => {
    socket.on("data", (bytes) => socket.write(bytes));
    socket.on("end", () => socket.end("more"));
  }, false);

const CASES: { name: string; server: () => Promise<Target>; args: string[]; verified: number }[] = [
  {
    ...{ name: "while the connection waits to send", server: chatty(2), verified: 4 },
    args: ["-c", "2", "-d", "5s", "--think", "400ms"],
  },
  {
    ...{ name: "the same on a schedule", server: chatty(1), verified: 2 },
    args: ["-c", "2", "-d", "2s", "--rate", "4"],
  },
  {
    ...{ name: "in a second after that of the reply", server: chatty(0, 1200), verified: 0 },
    args: ["-c", "1", "-d", "1500ms", "--hold"],
  },
  {
    ...{ name: "after the end", server: lastWord, verified: 1 },
    args: ["-c", "1", "-n", "2"],
  },
];

describe("what comes behind a reply", () => {
  for (const { name, server, args, verified } of CASES) {
    it(`makes it a wrong one in all figures: ${name}`, async () => {
      await using served = await server();
      const { code, result } = await stress([served.name, ...args]);
      expect(code).toBe(6);
      const { messages, latency_us: latency, latency_corrected_us: corrected } = result;
      expect(allAccountedFor(result)).toBe(true);
      expect([messages.verified, latency.count]).toEqual([verified, verified]);
      expect(messages.lost).toBe(0); // nothing more was sent
      expect(corrected?.count ?? verified).toBe(verified);
      expect(Math.round(result.rate.messages_per_s * result.duration_s)).toBe(verified);
      expect(result.timeline.reduce((sum, { received }) => sum + received, 0)).toBe(verified);
      expect(result.timeline.filter(({ received }) => received < 0)).toEqual([]);
      parseResult(JSON.stringify(result));
    });
  }

  it("is no second error of a reply that was one", async () => {
    let requests = 0;
    await using server = await target(({ socket }) => {
      socket.on("data", () => {
        const isLast = ++requests === 3;
        const status = isLast ? "404 Not Found" : "200 OK";
        socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nok`);
        if (isLast) setTimeout(() => socket.writable && socket.write("more"), LATER_MS);
      });
    });
    const load = ["-c", "1", "-d", "5s", "-n", "4", "--think", "200ms"];
    const request = ["-m", "GET / HTTP/1.1\\r\\n\\r\\n", "--expect", "http"];
    const { result } = await stress([server.name, ...load, ...request]);
    expect([result.messages.verified, result.latency_us.count, result.errors]).toEqual(
      [2, 2, { 404: 1 }] as unknown[],
    );
    expect(allAccountedFor(result)).toBe(true);
  });

  it("takes nothing from what counts where its reply was of the warm-up", async () => {
    await using server = await chatty(2)();
    const load = ["-c", "2", "-n", "8", "--warmup", "300ms", "--think", "140ms", "--reconnect"];
    const { result } = await stress([server.name, ...load]);
    expect(result.messages.mismatched).toBeGreaterThan(0);
    expect(result.latency_us.count).toBe(result.messages.verified);
  });
});

describe("what comes behind a wrong reply", () => {
  it("is waited for, which makes no slow reply of it", async () => {
    await using wrong = await answering((message, i) => i % 6 === 5 ? Buffer.alloc(SIZE) : message);
    const load = ["-c", "3", "-d", "1500ms", "--reconnect"];
    const { result: { slowest, messages } } = await stress([wrong.name, ...load]);
    expect(messages.mismatched).toBeGreaterThan(3);
    for (const { latency_us } of slowest) expect(latency_us).toBeLessThan(400_000);
  });
});
