// Messages with numbers: whatever happens to whole messages is named, anywhere, in any pieces.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { parseMessage } from "../../../lib/stress/plan/message.ts";
import { MessageStreams } from "../../../lib/stress/traffic/message_streams.ts";
import { MessageWriter } from "../../../lib/stress/traffic/message_writer.ts";
import type { MismatchKind } from "../../../lib/result/result.ts";
import { StreamReplies } from "../../../lib/stress/traffic/stream_replies.ts";
import { chunkings, firstDifference, hex, joined } from "../../support/streams.ts";

const CONNECTION = 3;
const CONNECTIONS = 50;
/** Messages in a run. */
const COUNT = 20;

const messages = fc.constantFrom(
  ...[
    "m {conn} {seq}\\n",
    "{conn}:{seq},",
    "GET /{conn}/{seq} HTTP/1.1\\r\\n\\r\\n",
    "\\xff{conn}-{seq}\\0{seq}",
  ],
  `${"padding ".repeat(40)}{seq}/{conn};`,
).map(parseMessage);
/** The number of a connection's first message, also where the numbers get another digit. */
const firsts = fc.oneof(fc.constant(0), fc.integer({ min: 85, max: 99 }), fc.nat(5000));
/** The message that something happens to; one comes before it, and some after it. */
const places = fc.integer({ min: 1, max: COUNT - 6 });

type Bytes = Uint8Array<ArrayBufferLike>;

/** Checks what is said of a stream of messages of which `damage` made something else. */
function says(
  kind: MismatchKind,
  damage: (all: Bytes[], at: number, other: (seq: number) => Bytes, first: number) => Bytes[],
): void {
  fc.assert(
    fc.property(messages, firsts, places, chunkings, (message, first, at, chunks) => {
      const writer = new MessageWriter(message);
      const of = (connection: number, seq: number) => writer.messages(connection, seq, 1).slice();
      const all = Array.from({ length: COUNT }, (_, i) => of(CONNECTION, first + i));
      const right = joined(...all);
      const received = joined(...damage(all, at, (seq) => of(CONNECTION + 4, seq), first));
      const offset = firstDifference(right, received);
      const replies = new StreamReplies(
        new MessageStreams(message, CONNECTIONS),
        CONNECTION,
        first,
      );
      let complete = 0;
      for (let from = 0, i = 0; from < received.length; i++) {
        const chunk = received.subarray(from, from + chunks[i % chunks.length]!);
        complete += replies.take(chunk, COUNT);
        from += chunk.length;
      }
      expect(replies.broken).toBe(true);
      expect(replies.mismatch(COUNT)).toEqual({
        ...{ connection: CONNECTION, offset, kind },
        ...{ expected: hex(right.subarray(offset)), actual: hex(received.subarray(offset)) },
      });
      expect(complete).toBe(kind === "duplicated" ? at + 1 : at);
    }),
    { numRuns: 150 },
  );
}

describe("messages with numbers are", () => {
  it("lost, one or more of them", () => {
    says("lost", (all, at) => all.toSpliced(at, 1));
    says("lost", (all, at) => all.toSpliced(at, 4));
  });

  it("duplicated, the last one or the last two", () => {
    says("duplicated", (all, at) => all.toSpliced(at + 1, 0, all[at]!));
    says("duplicated", (all, at) => all.toSpliced(at + 1, 0, all[at - 1]!, all[at]!));
  });

  it("reordered, neighbours or not", () => {
    says("reordered", (all, at) => all.toSpliced(at, 2, all[at + 1]!, all[at]!));
    says(
      "reordered",
      (all, at) => all.toSpliced(at, 4, all[at + 3]!, all[at]!, all[at + 1]!, all[at + 2]!),
    );
  });

  it("foreign, in the place of ours or before it", () => {
    says("foreign", (all, at, other, first) => all.toSpliced(at, 1, other(first + at)));
    says("foreign", (all, at, other) => all.toSpliced(at, 0, other(7)));
  });

  it("corrupted, one byte of them", () => {
    says("corrupted", (all, at) => all.with(at, all[at]!.with(0, all[at]![0]! ^ 0x80)));
    says("corrupted", (all, at) => all.with(at, all[at]!.with(-1, all[at]!.at(-1)! ^ 0x40)));
  });

  it("lost in part: some bytes from the middle", () => {
    says("lost", (all, at) => all.with(at, joined(all[at]!.subarray(0, 1), all[at]!.subarray(3))));
  });
});
