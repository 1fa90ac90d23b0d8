// What follows the replies: right ones in any pieces are right, wrong ones are named with their place.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { parseExpectation } from "../../../lib/stress/plan/expectation.ts";
import { createTraffic } from "../../../lib/stress/traffic/create.ts";
import type { Plan } from "../../../lib/stress/plan/plan.ts";
import type { Replies, Traffic } from "../../../lib/stress/traffic/traffic.ts";

const CONNECTIONS = 50;

/** The traffic of `iomux stress -m MESSAGE --expect EXPECT -s SIZE`; no message: the seeded stream. */
export function trafficOf(message: string | null, expectation: string, size = 64): Traffic {
  const expect = parseExpectation(expectation);
  return createTraffic(
    {
      seed: 5,
      connections: CONNECTIONS,
      size,
      message,
      script: null,
      maxSize: null,
      expect,
    } as Plan,
  );
}

/** How many replies are complete when bytes have come in pieces of the sizes, used again and again. */
function give(
  replies: Replies,
  bytes: Uint8Array,
  chunks: readonly number[],
  sent: number,
): number {
  let complete = 0;
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = chunks[i % chunks.length]!;
    complete += replies.take(bytes.subarray(at, at + size), sent);
    at += size;
  }
  return complete;
}

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));
const hexOf = (text: string) => Buffer.from(text, "latin1").toString("hex");
const chunkings = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

const head = (status: string, ...fields: string[]) =>
  [`HTTP/1.1 ${status}`, ...fields].join("\r\n") + "\r\n\r\n";
/** Responses that end in each of the ways that HTTP/1.1 has. */
const responses = [
  head("200 OK", "Content-Length: 5") + "hello",
  head("200 OK", "content-length:0"),
  head("200 OK", "Transfer-Encoding: chunked") + "5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
  head("200 OK", "Transfer-Encoding: gzip, chunked") +
  "1\r\n\n\r\n0\r\nTrailer: 1\r\nMore: 2\r\n\r\n",
  head("100 Continue") + head("204 No Content", "Content-Length: 7"),
  "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
  head("200 OK", "CONTENT-LENGTH: 2", "X: a", "  folded", "Content-length:2", "Empty:") + "ok",
  head("103 Early Hints", "Link: x") + head("200", "Content-Length: 1") + "y",
];

/** Servers that are right: their reply to a message, for each expectation. */
const right: [
  message: string | null,
  expect: string,
  reply: (message: string, i: number) => string,
][] = [
  [null, "echo", (message) => message],
  [null, "upper", (message) => message.replace(/[a-z]/g, (letter) => letter.toUpperCase())],
  ["get {seq}\\r\\n", "echo", (message) => message],
  ["hello {conn}", "upper", (message) => message.toUpperCase()],
  ["PING\\r\\n", "echo", (message) => message],
  ["PING\\r\\n", "+PONG\\r\\n", () => "+PONG\r\n"],
  ["x", "{seq} of {conn}\\n", (_, i) => `${i} of 3\n`],
  [null, "OK", () => "OK"],
  ["x", "line", (_, i) => "y".repeat(i % 7) + (i % 2 === 0 ? "\r\n" : "\n")],
  ["x", "bytes:5", (_, i) => `${i}`.padEnd(5, "\n")],
  ["x", "until:END\\r\\n", (_, i) => `E\r\nEN\nEEND ${"z".repeat(i % 5)}\r\nENEND\r\n`],
  ["x", "until:aab", (_, i) => "a".repeat(2 + i % 4) + "b"],
  ["x", "/^(?:PONG|OK .*)$/", (_, i) => i % 3 === 0 ? "PONG\r\n" : `OK ${"z".repeat(i % 5)}\n`],
  ["x", "/grüß[^]*\n/", () => Buffer.from("grüß dich\r\n").toString("latin1")],
  ["x", "/^\\xff\\xfe/", () => "\xff\xfe\n"],
  ["x", "/^\\x80[^x]\\x9f$/", () => "\x80\x85\x9f\n"],
  ["x", "http", (_, i) => responses[i % responses.length]!],
  ["HEAD / HTTP/1.1\\r\\n\\r\\n", "http", () => head("200 OK", "Content-Length: 12345")],
];

describe("replies that are right", () => {
  for (const [message, expectation, reply] of right) {
    it(`are so in any pieces: ${message ?? "the stream"}, ${expectation}`, () => {
      const traffic = trafficOf(message, expectation);
      fc.assert(
        fc.property(chunkings, fc.nat(200), fc.nat(30), (chunks, first, count) => {
          const replies = traffic.replies(3, first);
          let all = "";
          const ends: number[] = [];
          for (let i = 0; i < count; i++) {
            const sent = Buffer.from(traffic.messages(3, first + i, 1)).toString("latin1");
            all += reply(sent, first + i);
            ends.push(all.length);
          }
          const complete = give(replies, bytesOf(all), chunks, count);
          expect([replies.broken, replies.partial, complete]).toEqual([false, false, count]);

          // One message after the other: a reply is complete with its last byte, and not before.
          const slow = traffic.replies(3, first);
          for (let i = 0; i < count; i++) {
            const bytes = bytesOf(all.slice(ends[i - 1] ?? 0, ends[i]));
            expect(give(slow, bytes.subarray(0, -1), chunks, i + 1)).toBe(0);
            expect([slow.broken, slow.partial]).toEqual([false, bytes.length > 1]);
            expect(slow.take(bytes.subarray(-1), i + 1)).toBe(1);
          }
          expect(slow.broken).toBe(false);
        }),
        { numRuns: 60 },
      );
    });
  }

  it("may begin with a greeting, before the first message or after it", () => {
    const greeting = "220 mail ESMTP\r\n";
    for (
      const expectation of ["until:bye\\r\\n", "220 mail ESMTP\\r\\n221 bye\\r\\n"]
    ) {
      const traffic = trafficOf("QUIT\\r\\n", expectation);
      fc.assert(fc.property(chunkings, fc.nat(greeting.length), (chunks, before) => {
        const replies = traffic.replies(0, 0);
        const all = bytesOf(greeting + "221 bye\r\n");
        expect(give(replies, all.subarray(0, before), chunks, 0)).toBe(0);
        expect([replies.broken, replies.partial && before > 0]).toEqual([false, replies.partial]);
        expect(give(replies, all.subarray(before), chunks, 1)).toBe(1);
        expect(replies.broken).toBe(false);
      }));
    }
  });

  it("may be a greeting alone, which counts when the first message is sent", () => {
    for (const expectation of ["line", "bytes:8", "SSH-2.0\\n", "/^SSH-/"]) {
      const replies = trafficOf("x", expectation).replies(0, 0);
      expect(replies.take(bytesOf("SSH-2.0"), 0)).toBe(0);
      expect(replies.early).toBe(false);
      expect(replies.take(bytesOf("\n"), 0)).toBe(0);
      expect([replies.early, replies.broken]).toEqual([true, false]);
      expect(replies.take(new Uint8Array(0), 1)).toBe(1);
      expect([replies.early, replies.broken]).toEqual([false, false]);
      expect(give(replies, bytesOf("SSH-2.0\n"), [3], 2)).toBe(1);
    }
  });

  it("of HTTP may end where the connection does, and say that it will", () => {
    const replies = trafficOf("x", "http").replies(0, 0);
    expect(replies.take(bytesOf("HTTP/1.0 200 OK\r\n\r\nany"), 1)).toBe(0);
    expect(replies.partial).toBe(false);
    expect(replies.take(bytesOf("thing"), 1)).toBe(0);
    expect(replies.finish!(1)).toBe(1);
    const closing = trafficOf("x", "http").replies(0, 0);
    expect(closing.take(bytesOf(head("200 OK", "Connection: close", "Content-Length: 0")), 1))
      .toBe(1);
    expect(closing.closing).toBe(true);
    const open = trafficOf("x", "http").replies(0, 0);
    expect(open.take(bytesOf(responses[0]!), 1)).toBe(1);
    expect(open.closing).toBe(false);
  });

  it("of HTTP are errors by their number when their status is not 2xx, and no mismatch", () => {
    const replies = trafficOf("x", "http").replies(0, 0);
    const all = responses[0]! + head("404 Not Found", "Content-Length: 2") + "no" + head("304 Not");
    expect(replies.take(bytesOf(all), 3)).toBe(3);
    expect([0, 1, 2].map((i) => replies.refusal!(i))).toEqual([0, 404, 304]);
    expect(replies.broken).toBe(false);
    expect(replies.take(bytesOf(responses[1]!), 4)).toBe(1);
    expect(replies.refusal!(0)).toBe(0);
  });

  it("keep nothing between them, whatever pieces they came in", () => {
    for (const expectation of ["line", "until:\\n", "/./", "http", "bytes:9"]) {
      const replies = trafficOf("x", expectation).replies(0, 0);
      const reply = expectation === "http" ? responses[2]! : "12345678\n";
      give(replies, bytesOf(reply.repeat(3)), [5], 3);
      expect([replies.unmatched, replies.partial]).toEqual([0, false]);
    }
  });
});

describe("replies that are wrong", () => {
  type Wrong = [
    message: string | null,
    expect: string,
    sent: number,
    received: string,
    mismatch: { kind: string; offset: number; expected: string; actual: string },
  ];
  const numbered = "m {conn} {seq}\\n";
  const wrong: Wrong[] = [
    ["PING\\r\\n", "+PONG\\r\\n", 1, "+POxG\r\n", {
      ...{ kind: "corrupted", offset: 3 },
      ...{ expected: hexOf("NG\r\n"), actual: hexOf("xG\r\n") },
    }],
    ["hello\\n", "echo", 1, "helo\n", {
      ...{ kind: "lost", offset: 3, expected: hexOf("lo\n"), actual: hexOf("o\n") },
    }],
    ["hello\\n", "echo", 2, "helo\nhello\n", {
      ...{ kind: "lost", offset: 3, expected: hexOf("lo\nhello\n"), actual: hexOf("o\nhello\n") },
    }],
    ["hello\\n", "echo", 1, "hello\nhello\n", {
      ...{ kind: "duplicated", offset: 6, expected: "", actual: hexOf("hello\n") },
    }],
    ["hello\\n", "echo", 1, "hello\nwho?\n", {
      ...{ kind: "foreign", offset: 6, expected: "", actual: hexOf("who?\n") },
    }],
    [numbered, "echo", 3, "m 3 0\nm 3 2\n", {
      ...{ kind: "lost", offset: 10, expected: hexOf("1\nm 3 2\n"), actual: hexOf("2\n") },
    }],
    [numbered, "echo", 3, "m 3 0\nm 3 2\nm 3 1\n", {
      ...{ kind: "reordered", offset: 10 },
      ...{ expected: hexOf("1\nm 3 2\n"), actual: hexOf("2\nm 3 1\n") },
    }],
    [numbered, "echo", 3, "m 3 0\nm 3 0\nm 3 1\n", {
      ...{ kind: "duplicated", offset: 10 },
      ...{ expected: hexOf("1\nm 3 2\n"), actual: hexOf("0\nm 3 1\n") },
    }],
    [numbered, "upper", 2, "M 3 0\nM 4 1\n", {
      ...{ kind: "foreign", offset: 8, expected: hexOf("3 1\n"), actual: hexOf("4 1\n") },
    }],
    [numbered, "echo", 2, "m 3 0\nm 3 x\n", {
      ...{ kind: "corrupted", offset: 10, expected: hexOf("1\n"), actual: hexOf("x\n") },
    }],
    // A number that was not sent yet is no message of ours.
    [numbered, "echo", 2, "m 3 0\nm 3 7\n", {
      ...{ kind: "corrupted", offset: 10, expected: hexOf("1\n"), actual: hexOf("7\n") },
    }],
    [numbered, "echo", 1, "m 3 0\nm 3 0\n", {
      ...{ kind: "duplicated", offset: 6, expected: "", actual: hexOf("m 3 0\n") },
    }],
    [numbered, "echo", 1, "m 3 0\nm 9 0\n", {
      ...{ kind: "foreign", offset: 6, expected: "", actual: hexOf("m 9 0\n") },
    }],
    ["x", "/\\+OK [a-z]*$/", 1, "+OK a-b\r\n", {
      ...{ kind: "corrupted", offset: 0, expected: "", actual: hexOf("+OK a-b\r\n") },
    }],
    ["x", "/\\+OK/", 2, "+OK\r\n-ERR no such command\r\n", {
      ...{ kind: "corrupted", offset: 5 },
      ...{ expected: "", actual: hexOf("-ERR no such com") },
    }],
    ["x", "http", 1, "HTTP/2 200\r\n", {
      ...{ kind: "corrupted", offset: 5, expected: hexOf("1."), actual: hexOf("2 200\r\n") },
    }],
    ...[
      ["HTTP/1.1 OK\r\n", 0],
      ["HTTP/1.1 20 OK\r\nA: b\r\n", 0],
      [head("200 OK", "Content-Length: x") + "abc", 17],
      [head("200 OK", "Date: now", "Content-Length: -1") + "abc", 28],
      [head("200 OK", "Content-Length: 99999999999999999999"), 17],
      [head("200 OK", "Content-Length: 2", "Content-Length: 3") + "abc", 36],
      [head("200 OK", "Server: x", "this is no field at all"), 28],
      [head("100 Continue") + "HTTP/1.1 2xx\r\n", 25],
    ].map(([received, offset]): Wrong => ["x", "http", 1, `${received}`, {
      ...{ kind: "corrupted", offset: Number(offset), expected: "" },
      actual: hexOf(`${received}`.slice(Number(offset), Number(offset) + 16)),
    }]),
    ["x", "http", 1, head("200 OK", "Transfer-Encoding: chunked") + "5\r\nhello0\r\n\r\n", {
      ...{ kind: "corrupted", offset: 55, expected: "", actual: hexOf("0\r\n\r\n") },
    }],
    ["x", "http", 1, head("204 No") + "HTTP/1.1 200 OK\r\n\r\n", {
      ...{ kind: "foreign", offset: 19, expected: "", actual: hexOf("HTTP/1.1 200 OK\r") },
    }],
    ["x", "line", 1, "a\nb\n", {
      ...{ kind: "duplicated", offset: 2, expected: "", actual: hexOf("b\n") },
    }],
    ["x", "line", 1, "a\nb", {
      ...{ kind: "foreign", offset: 2, expected: "", actual: hexOf("b") },
    }],
    ["x", "bytes:3", 1, "abcdef", {
      ...{ kind: "duplicated", offset: 3, expected: "", actual: hexOf("def") },
    }],
    ["x", "bytes:3", 1, "abcde", {
      ...{ kind: "foreign", offset: 3, expected: "", actual: hexOf("de") },
    }],
  ];
  for (const [message, expectation, sent, received, mismatch] of wrong) {
    const title = `${mismatch.kind}: ${JSON.stringify(received)} for ${expectation}`;
    it(`are named in any pieces, ${title}`, () => {
      const traffic = trafficOf(message, expectation);
      fc.assert(
        fc.property(chunkings, (chunks) => {
          const replies = traffic.replies(3, 0);
          give(replies, bytesOf(received), chunks, sent);
          expect(replies.broken).toBe(true);
          expect(replies.mismatch(sent)).toEqual({ connection: 3, ...mismatch } as never);
        }),
        { numRuns: 50 },
      );
    });
  }

  it("are truncated when they end in their middle, with what should have followed", () => {
    const cases: [string, string, string, string][] = [
      ["hello\\n", "echo", "hello\nhe", "llo\n"],
      ["x", "+PONG\\r\\n", "+PONG\r\n+P", "ONG\r\n"],
      ["x", "/\\+/", "+OK\r\n+PO", ""],
      ["x", "http", responses[0]! + "HTT", "P/1."],
      ["x", "line", "a\nbc", ""],
      ["x", "bytes:4", "abcde", ""],
    ];
    for (const [message, expectation, received, missing] of cases) {
      const replies = trafficOf(message, expectation).replies(2, 0);
      expect(replies.take(bytesOf(received), 2)).toBe(1);
      expect([replies.broken, replies.partial, replies.unmatched! > 0]).toEqual([
        false,
        true,
        true,
      ]);
      expect(replies.truncation(2)).toEqual({
        ...{ connection: 2, offset: received.length, kind: "truncated" },
        ...{ expected: hexOf(missing), actual: "" },
      });
    }
  });

  it("of an earlier connection are foreign, at a place of this one's own bytes", () => {
    for (const message of [null, "this is {seq}.\\n"]) {
      const traffic = trafficOf(message, "echo");
      const before = traffic.messages(3, 8, 1).slice();
      const own = traffic.messages(3, 20, 1).slice();
      const replies = traffic.replies(3, 20);
      expect(replies.take(own, 1)).toBe(1);
      replies.take(before, 2);
      const { kind, offset } = replies.mismatch(2);
      expect([kind, offset >= own.length, offset < own.length + 16]).toEqual([
        "foreign",
        true,
        true,
      ]);
    }
  });

  it("are nothing that anybody looks at, if none is expected", () => {
    const replies = trafficOf(null, "none").replies(0, 0);
    expect(replies.take(bytesOf("whatever"), 0)).toBe(0);
    expect([replies.broken, replies.partial]).toEqual([false, false]);
  });
});
