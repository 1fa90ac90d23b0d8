/** The traffic of a plan: what is sent, and what follows the replies. */
import type { Plan } from "../plan/plan.ts";
import { type Message, parseMessage } from "../plan/message.ts";
import { FramedReplies } from "./framed_replies.ts";
import { MessageStreams } from "./message_streams.ts";
import { MessageWriter } from "./message_writer.ts";
import { Oracle } from "./oracle.ts";
import { scriptTraffic } from "./script.ts";
import { asksForHead, framed } from "./shape.ts";
import { RandomSizes } from "./sizes.ts";
import { GreetedReplies, StreamReplies } from "./stream_replies.ts";
import type { Replies, Traffic } from "./traffic.ts";

export function createTraffic(plan: Plan): Traffic {
  const { seed, size, maxSize, expect, connections } = plan;
  if (plan.script !== null) {
    const traffic = scriptTraffic(plan);
    return expect.kind === "none" ? { ...traffic, replies: () => UNSEEN } : traffic;
  }
  if (plan.message === null) {
    const sizes = maxSize === null ? size : new RandomSizes(size, maxSize, seed);
    const oracle = new Oracle(seed, connections, expect.kind === "upper" ? "upper" : "echo", sizes);
    return {
      messages: (connection, first, count) => {
        const start = oracle.lengthOf(connection, first);
        return oracle.sent(connection, start, oracle.lengthOf(connection, first + count) - start);
      },
      replies: followers(plan) ??
        ((connection, first) => new StreamReplies(oracle, connection, first)),
    };
  }
  const message = parseMessage(plan.message);
  const writer = new MessageWriter(message);
  const reply = expect.kind === "upper" ? message.toUpperCase() : message;
  return {
    messages: (connection, first, count) => writer.messages(connection, first, count),
    replies: followers(plan) ?? known(reply, connections, 0),
  };
}

type Followers = Traffic["replies"];

function known(reply: Message, connections: number, greetings: 0 | 1): Followers {
  const streams = new MessageStreams(reply, connections);
  const Replies = greetings === 0 ? StreamReplies : GreetedReplies;
  return (connection, first) => new Replies(streams, connection, first);
}

/** What follows replies that do not depend on the message; undefined where they do. */
function followers({ expect, message, connections }: Plan): Followers | undefined {
  switch (expect.kind) {
    case "echo":
    case "upper":
      return undefined;
    case "none":
      return () => UNSEEN;
    case "literal":
      return known(parseMessage(expect.text), connections, 1);
    case "frame": {
      const shape = framed(expect.frame, expect.regex, asksForHead(message));
      const shapeOf = () => shape;
      return (connection, first) => new FramedReplies(connection, first, shapeOf);
    }
  }
}

/** Replies that are not looked at. */
const UNSEEN: Replies = {
  take: () => 0,
  ...{ broken: false, conclusive: false, partial: false, unmatched: 0 },
  lengthOf: () => 0,
  mismatch: () => unseen(),
  truncation: () => unseen(),
};

const unseen = (): never => {
  throw new Error("A reply was looked at where none is expected");
};
