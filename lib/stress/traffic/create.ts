/** The traffic of a plan: what is sent, and what follows the replies. */
import { CountReplies } from "./count_replies.ts";
import { type Message, parseMessage } from "./message.ts";
import { MessageStreams } from "./message_streams.ts";
import { MessageWriter } from "./message_writer.ts";
import { Oracle } from "./oracle.ts";
import type { Plan } from "../plan/plan.ts";
import { Regex } from "./regex.ts";
import { RegexReplies } from "./regex_replies.ts";
import { GreetedReplies, StreamReplies } from "./stream_replies.ts";
import type { Replies, Traffic } from "./traffic.ts";

/** Makes the traffic of a plan. As many `connections` have numbers, over all threads and processes. */
export function createTraffic(plan: Plan, connections: number = plan.connections): Traffic {
  const { seed, size, expect } = plan;
  if (plan.message === null) {
    const oracle = new Oracle(seed, connections, expect.kind === "upper" ? "upper" : "echo", size);
    return {
      messages: (connection, first, count) => oracle.sent(connection, first * size, count * size),
      replies: followers(plan, connections) ??
        ((connection, first) => new StreamReplies(oracle, connection, first)),
    };
  }
  const message = parseMessage(plan.message);
  const writer = new MessageWriter(message);
  const reply = expect.kind === "upper" ? message.toUpperCase() : message;
  return {
    messages: (connection, first, count) => writer.messages(connection, first, count),
    replies: followers(plan, connections) ?? known(reply, connections, 0),
  };
}

type Followers = Traffic["replies"];

/** Replies of which every byte is known. */
function known(reply: Message, connections: number, greetings: 0 | 1): Followers {
  const streams = new MessageStreams(reply, connections);
  const Replies = greetings === 0 ? StreamReplies : GreetedReplies;
  return (connection, first) => new Replies(streams, connection, first);
}

/** What follows replies that do not depend on the message; undefined where they do. */
function followers({ expect }: Plan, connections: number): Followers | undefined {
  switch (expect.kind) {
    case "echo":
    case "upper":
      return undefined;
    case "none":
      return () => UNSEEN;
    case "literal":
      return known(parseMessage(expect.text), connections, 1);
    case "bytes":
      return (connection) => new CountReplies(connection, expect.count);
    case "line":
    case "regex": {
      const { source, flags } = expect.kind === "line" ? LINE : expect;
      const regex = new Regex(source, flags);
      return (connection) => new RegexReplies(connection, regex);
    }
  }
}

const LINE = { source: "[^\\n]*\\n", flags: "" } as const;

/** Replies that nobody looks at. */
const UNSEEN: Replies = {
  take: () => 0,
  ...{ broken: false, conclusive: false, partial: false },
  mismatch: () => unseen(),
  truncation: () => unseen(),
};

const unseen = (): never => {
  throw new Error("A reply was looked at where none is expected");
};
