// Where the time of a closed loop went that no latency has: measured at the connections, against servers that
// spend it in one way each.
import { describe, expect, it } from "bun:test";
import type { StressResult } from "../../../../lib/result/result.ts";
import { answering, stress, type Target, target } from "../../../support/misbehaving.ts";

const HTTP = ["-m", "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", "--expect", "http"];

/** An HTTP server that answers each request with this, and may end the connection. */
const http = (head: string, ends: boolean): Promise<Target> =>
  target(({ socket }) => {
    socket.on("data", () => {
      const text = `HTTP/1.1 ${head}\r\nContent-Length: 2\r\n\r\nok`;
      if (ends) socket.end(text);
      else socket.write(text);
    });
  });

const closingEveryThird = () =>
  target(({ number, socket }) => {
    if (number % 3 === 2) socket.end();
    else socket.on("data", (bytes) => socket.write(bytes));
  });

interface Case {
  readonly name: string;
  readonly server: () => Promise<Target>;
  readonly args: readonly string[];
  /** What most of the missing time was spent on, and about how much of it: messages on average. */
  readonly what: string;
  readonly least: number;
  readonly most: number;
}

const CASES: readonly Case[] = [
  {
    name: "connections that are lost at once and not replaced",
    server: closingEveryThird,
    args: ["-c", "9", "-d", "1200ms"],
    ...{ what: "had no connection, as it had ended and was not replaced", least: 2.7, most: 3 },
  },
  {
    name: "connections that are lost after some replies, and replaced after a delay",
    server: () =>
      answering((message, sequence, { socket }) => {
        if (sequence < 5) return message;
        socket.end();
        return null;
      }),
    args: ["-c", "3", "-d", "1500ms", "--reconnect"],
    ...{ what: "waited for a new connection in place of a lost one", least: 1.2, most: 3 },
  },
  {
    name: "half a second for the evidence of each wrong reply",
    server: () => answering((message, i) => i % 6 === 5 ? Buffer.from(message).fill(0) : message),
    args: ["-c", "5", "-d", "1500ms", "--reconnect"],
    ...{ what: "were held back while more of a wrong reply was waited for", least: 3, most: 5 },
  },
  {
    name: "the same, in a run that is too short to say what has limited it",
    server: () => answering((message, i) => i % 6 === 5 ? Buffer.from(message).fill(0) : message),
    args: ["-c", "5", "-d", "600ms", "--reconnect"],
    ...{ what: "were held back while more of a wrong reply was waited for", least: 2, most: 5 },
  },
  {
    name: "connections that are ended in order after each reply",
    server: () => http("200 OK\r\nConnection: close", true),
    args: ["-c", "5", "-d", "1200ms", ...HTTP],
    ...{
      what: "waited for a new connection after one that was ended in order",
      least: 0.3,
      most: 5,
    },
  },
  {
    name: "replies that never come, one in ten, until their time-out",
    server: () => answering((message, sequence) => sequence % 10 === 9 ? null : message),
    args: ["-c", "6", "-d", "1500ms", "--timeout", "400ms", "--reconnect"],
    ...{ what: "waited for replies that never came", least: 3, most: 6 },
  },
  {
    name: "replies that had not come at the stop, and never came later",
    server: () => answering((message, _, { number }) => number < 2 ? null : message),
    args: ["-c", "6", "-d", "1200ms", "--timeout", "2s"],
    ...{ what: "waited for replies that never came", least: 1.9, most: 2 },
  },
  {
    name: "replies that are errors",
    server: () => http("404 Not Found", false),
    args: ["-c", "3", "-d", "1200ms", ...HTTP],
    ...{ what: "were for replies that were wrong or errors", least: 1, most: 3 },
  },
  {
    name: "replies that come after the stop",
    server: () =>
      answering((message, _, { socket }) => {
        setTimeout(() => socket.write(Buffer.from(message)), 700);
        return null;
      }),
    args: ["-c", "3", "-d", "1200ms", "--pipeline", "2"],
    ...{
      what: "were on their way when the run began or stopped: a longer run",
      least: 1.5,
      most: 3,
    },
  },
];

describe("what a loop does not account for", () => {
  for (const { name, server, args, what, least, most } of CASES) {
    it(`was spent on ${name}`, async () => {
      await using served = await server();
      const { result } = await stress([served.name, ...args]);
      const { generator: { limited_by: text }, in_flight: inFlight }: StressResult = result;
      expect(inFlight!.accounted).toBeLessThan(0.95);
      const [, first = "", cause = ""] =
        /(?:^|; )of \d+ in flight, on average (\S+) ([^;,]*(, as [^;,]*)?)/
          .exec(text) ?? [];
      expect([text, cause.startsWith(what)]).toEqual([text, true]);
      // What replies took has limited nothing where most of the time went elsewhere.
      if (inFlight!.accounted < 0.45) expect(text).not.toMatch(/would load|for each other/);
      expect(Number(first)).toBeGreaterThanOrEqual(least);
      expect(Number(first)).toBeLessThanOrEqual(most);
      // What was measured and what was accounted for are all that there is.
      expect(Number(first) + inFlight!.average).toBeLessThan(1.05 * inFlight!.asked);
    });
  }
});

describe("what a loop accounts for", () => {
  it("is the rate times the mean latency, and what replies allow no less than the rate, after a slow drain", async () => {
    await using slow = await answering((message, sequence, { number, socket }) => {
      const reply = Buffer.from(message);
      const ms = number > 0 || sequence < 3 ? 5 : 2500;
      setTimeout(() => socket.writable && socket.write(reply), ms);
      return null;
    });
    const { result } = await stress([slow.name, "-c", "5", "-d", "1100ms"]);
    const { in_flight: inFlight, latency_us: latency, drain_s: drain, messages, rate, generator } =
      result;
    expect([drain > 0.5, messages.verified]).toEqual([true, messages.sent]);
    expect(inFlight!.average).toBeCloseTo(rate.messages_per_s * latency.mean / 1e6, 1);
    expect(inFlight!.accounted).toBeCloseTo(inFlight!.average / 5, 1);
    const { limited_by: text } = generator;
    const [, most] = /make ([\d,]+)\/s at most/.exec(text) ?? [];
    if (most === undefined) return console.log(`not run: what replies allow: ${text}`);
    expect(Number(most.replaceAll(",", ""))).toBeGreaterThanOrEqual(rate.messages_per_s);
  });
});
