/** The traffic of several messages, sent in turn or at random, each of which may have its own reply. */
import type { Expectation } from "../plan/expectation.ts";
import { type Message, parseMessage } from "../plan/message.ts";
import type { Plan } from "../plan/plan.ts";
import { FramedReplies } from "./framed_replies.ts";
import { MessageWriter } from "./message_writer.ts";
import { asksForHead, framed, known, type Shape } from "./shape.ts";
import type { Traffic } from "./traffic.ts";

interface Line {
  readonly writer: MessageWriter;
  readonly shape: (connection: number, index: number) => Shape;
}

/** The messages of a plan that has a script, and what follows the replies, each on its own. */
export function scriptTraffic({ script, shuffle, seed, expect: common }: Plan): Traffic {
  const lines = script!.map(({ message, expect }): Line => {
    const parsed = parseMessage(message);
    return { writer: new MessageWriter(parsed), shape: shapeOf(message, parsed, expect ?? common) };
  });
  const lineOf = (connection: number, index: number): Line =>
    lines[(shuffle ? mix(seed, connection, index) : index) % lines.length]!;
  return {
    messages(connection, first, count) {
      if (count === 1) return lineOf(connection, first).writer.messages(connection, first, 1);
      const parts = Array.from(
        { length: count },
        (_, i) => lineOf(connection, first + i).writer.messages(connection, first + i, 1).slice(),
      );
      return Buffer.concat(parts);
    },
    replies: (connection, first) =>
      new FramedReplies(
        connection,
        first,
        (index) => lineOf(connection, index).shape(connection, index),
      ),
  };
}

function shapeOf(text: string, message: Message, expect: Expectation): Line["shape"] {
  if (expect.kind === "frame") {
    const shape = framed(expect.frame, expect.regex, asksForHead(text));
    return () => shape;
  }
  const reply = expect.kind === "literal"
    ? parseMessage(expect.text)
    : expect.kind === "upper"
    ? message.toUpperCase()
    : message;
  const writer = new MessageWriter(reply);
  const make = (connection: number, index: number) =>
    known(writer.messages(connection, index, 1).slice());
  if (!reply.fixed) return make;
  const shape = make(0, 0);
  return () => shape;
}

/** A whole number that depends on all three. */
function mix(seed: number, connection: number, index: number): number {
  let x = (seed + Math.imul(connection + 1, 0x9e3779b1) + Math.imul(index + 1, 0x85ebca6b)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
