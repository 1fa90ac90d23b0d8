// Several messages in turn or at random, and messages of random sizes: what is sent, and what must come back.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import type { Plan } from "../../../lib/stress/plan/plan.ts";
import { parseScript } from "../../../lib/stress/plan/script.ts";
import { parseExpectation } from "../../../lib/stress/plan/expectation.ts";
import { createTraffic } from "../../../lib/stress/traffic/create.ts";
import { RandomSizes } from "../../../lib/stress/traffic/sizes.ts";

const planOf = (change: Partial<Plan>): Plan =>
  ({
    ...{ seed: 5, connections: 9, size: 64, maxSize: null, message: null, script: null },
    ...{ shuffle: false, expect: parseExpectation("echo"), ...change },
  }) as Plan;
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

const scriptOf = (text: string, escapes = true) => parseScript(Buffer.from(text), escapes);
const SCRIPT = scriptOf(
  "PING\\r\\n\t+PONG\\r\\n\n\nget k{seq}\\r\\n\tuntil:END\\r\\n\necho {conn}.{seq};\nHELLO\tupper\n",
);
const replyTo = (message: string) =>
  message.startsWith("PING")
    ? "+PONG\r\n"
    : message.startsWith("get")
    ? `VALUE ${message}END\r\n`
    : message;

describe("a script", () => {
  it("is a message a line, with its own expectation after a tab", () => {
    expect(SCRIPT.map(({ message }) => message)).toEqual([
      ...["PING\\r\\n", "get k{seq}\\r\\n", "echo {conn}.{seq};", "HELLO"],
    ]);
    expect(SCRIPT.map(({ expect }) => expect?.kind ?? null)).toEqual([
      ...["literal", "frame", null, "upper"],
    ]);
  });

  it("has the bytes of its lines as they are, without escapes", () => {
    const file = 'a\\b{seq}\r\n\r\n"\\q\tOK\n{}';
    const script = scriptOf(file, false);
    const { messages } = createTraffic(planOf({ script }));
    const sent = [0, 1, 2].map((n) => textOf(messages(0, n, 1).slice())).join(" ");
    expect(sent).toBe('a\\b{seq} "\\q {}');
    expect(script.map(({ expect }) => expect?.kind)).toEqual([undefined, "literal", undefined]);
  });

  for (
    const [text, why] of [["\n\n", /no message/], ["a\nb\\q\n", /^line 2: .*no escape/]] as const
  ) {
    it(`is refused with a reason: ${JSON.stringify(text)}`, () => {
      expect(() => scriptOf(text)).toThrow(why);
    });
  }

  for (const shuffle of [false, true]) {
    it(`has each reply verified, ${shuffle ? "at random" : "in turn"}, in any pieces`, () => {
      const chunks = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(chunks, fc.nat(50), fc.integer({ min: 1, max: 20 }), (sizes, first, n) => {
          const traffic = createTraffic(planOf({ script: SCRIPT, shuffle }));
          const sent = textOf(traffic.messages(3, first, n));
          const each = Array.from(
            { length: n },
            (_, i) => textOf(traffic.messages(3, first + i, 1)),
          );
          expect(each.join("")).toBe(sent);
          const replies = traffic.replies(3, first);
          const bytes = Uint8Array.from(Buffer.from(each.map(replyTo).join(""), "latin1"));
          let complete = 0;
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const length = sizes[i % sizes.length]!;
            complete += replies.take(bytes.subarray(at, at + length), n);
            at += length;
          }
          expect([replies.broken, replies.partial, complete]).toEqual([false, false, n]);
        }),
        { numRuns: 50 },
      );
    });
  }

  it("in turn starts with its first line on each connection; at random it follows the seed", () => {
    const traffic = createTraffic(planOf({ script: SCRIPT }));
    for (const connection of [0, 7]) {
      expect(textOf(traffic.messages(connection, 0, 1))).toBe("PING\r\n");
    }
    const order = (seed: number, connection: number) =>
      textOf(
        createTraffic(planOf({ script: SCRIPT, shuffle: true, seed })).messages(connection, 0, 40),
      );
    expect(order(1, 0)).toBe(order(1, 0));
    expect(order(1, 0)).not.toBe(order(2, 0));
    expect(order(1, 0).replaceAll("0.", "")).not.toBe(order(1, 1).replaceAll("1.", ""));
  });

  it("finds a reply that is another line's", () => {
    const replies = createTraffic(planOf({ script: SCRIPT })).replies(0, 0);
    replies.take(Buffer.from("VALUE x END\r\n"), 1);
    expect(replies.broken).toBe(true);
    const { kind, offset, expected } = replies.mismatch(1);
    expect({ kind, offset }).toEqual({ kind: "corrupted", offset: 0 });
    expect(expected).toBe(Buffer.from("+PONG\r\n").toString("hex"));
  });
});

describe("random sizes", () => {
  it("are within their range, all of it, and add up", () => {
    const sizes = new RandomSizes(64, 4096, 7);
    let [least, most, at] = [Infinity, 0, 0];
    for (let i = 0; i < 3000; i++) {
      const size = sizes.lengthOf(3, i + 1) - sizes.lengthOf(3, i);
      expect(sizes.lengthOf(3, i)).toBe(at);
      expect(sizes.messagesIn(3, at)).toBe(i);
      expect(sizes.messagesIn(3, at + size - 1)).toBe(i);
      at += size;
      [least, most] = [Math.min(least, size), Math.max(most, size)];
    }
    expect([least >= 64, least < 200, most > 3900, most <= 4096]).toEqual([true, true, true, true]);
    expect(sizes.lengthOf(4, 1)).not.toBe(sizes.lengthOf(3, 1));
    expect(new RandomSizes(64, 4096, 8).lengthOf(3, 5)).not.toBe(sizes.lengthOf(3, 5));
  });

  it("are verified all the same, in any pieces and after a reconnect", () => {
    fc.assert(
      fc.property(
        fc.nat(3000),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 5000 }),
        (first, n, piece) => {
          const traffic = createTraffic(planOf({ size: 1, maxSize: 3000 }));
          const bytes = traffic.messages(2, first, n).slice();
          const replies = traffic.replies(2, first);
          let complete = 0;
          for (let at = 0; at < bytes.length; at += piece) {
            complete += replies.take(bytes.subarray(at, at + piece), n);
          }
          expect([replies.broken, replies.partial, complete]).toEqual([false, false, n]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
