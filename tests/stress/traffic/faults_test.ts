// Targets that spoil the stream: what they did is found, named, and never taken for a good run.
import { describe, expect, it } from "bun:test";
import type { MismatchKind } from "../../../lib/result/result.ts";
import { allAccountedFor, answering, type Reply, SIZE, stress } from "../../support/misbehaving.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 16)).toString("hex");
const SPOILT = 3;

/** A target that answers rightly, but spoils one message of the connection that it accepted first. */
function spoiling(spoil: (message: Buffer) => Uint8Array, at: number = SPOILT): Reply {
  return (message, sequence, { number }) =>
    number === 0 && sequence === at ? spoil(message) : message;
}

/** One connection, ten messages, and one of them spoilt: what the run says of it. */
async function finds(kind: MismatchKind, spoil: (message: Buffer) => Uint8Array): Promise<void> {
  let right: Buffer | undefined;
  let wrong: Uint8Array | undefined;
  await using target = await answering(spoiling((message) => {
    right = Buffer.from(message);
    return wrong = spoil(Buffer.from(message));
  }));
  const { code, result, ms } = await stress([target.name, "-c", "1", "-n", "10"]);
  expect(code).toBe(6);
  const byte = right!.findIndex((value, at) => value !== wrong![at]);
  expect(result.first_mismatch).toEqual({
    connection: 0,
    offset: SPOILT * SIZE + byte,
    kind,
    expected: hex(right!.subarray(byte)),
    actual: hex(wrong!.subarray(byte)),
  });
  expect(result.messages).toEqual({
    sent: SPOILT + 1,
    received: SPOILT,
    verified: SPOILT,
    mismatched: 1,
    timed_out: 0,
    in_flight: 0,
    lost: 0,
  });
  expect(result.connections.lost).toBe(0); // it was we who closed it
  expect(result.errors).toEqual({ MISMATCH: 1 });
  expect(ms).toBeLessThan(8000);
}

describe("stress and a target that", () => {
  it("changes a byte: corrupted", () =>
    finds("corrupted", (message) => {
      message[10]! ^= 0x20;
      return message;
    }));

  it("changes the last byte of a message: corrupted", () =>
    finds("corrupted", (message) => {
      message[SIZE - 1]! ^= 1;
      return message;
    }));

  it("drops bytes: lost", () =>
    finds("lost", (message) => Buffer.concat([message.subarray(0, 8), message.subarray(24)])));

  it("swaps two blocks: reordered", () =>
    finds(
      "reordered",
      (message) => Buffer.concat([message.subarray(32), message.subarray(0, 32)]),
    ));

  it("sends one connection's bytes to another: foreign", async () => {
    const first: Buffer[] = [];
    await using target = await answering((message, sequence, { number }) => {
      if (sequence === 0) first[number] = Buffer.from(message);
      const other = first[1 - number];
      return number === 1 && sequence === 5 && other ? other : message;
    });
    const { code, result } = await stress([target.name, "-c", "2", "-n", "40"]);
    expect(code).toBe(6);
    const { kind, connection, actual } = result.first_mismatch!;
    expect({ kind, connection, actual }).toEqual({
      kind: "foreign",
      connection: 1,
      actual: hex(first[0]!),
    });
    expect(result.messages.verified).toBe(20 + 5);
  });

  it("repeats bytes: duplicated", async () => {
    await using target = await answering(
      spoiling((message) => Buffer.concat([message, message.subarray(30)])),
    );
    const { code, result } = await stress([target.name, "-c", "1", "-n", "10"]);
    expect(code).toBe(6);
    expect(result.first_mismatch!.kind).toBe("duplicated");
    expect(result.first_mismatch!.offset).toBe((SPOILT + 1) * SIZE);
    expect(result.messages.mismatched).toBe(1);
    expect(allAccountedFor(result)).toBe(true);
  });

  it("says more after everything was answered: foreign", async () => {
    await using target = await answering(
      spoiling((message) => Buffer.concat([message, Buffer.from("and more")]), 9),
    );
    const { code, result } = await stress([target.name, "-c", "1", "-n", "10"]);
    expect(code).toBe(6);
    expect(result.messages).toEqual({
      sent: 10,
      received: 9,
      verified: 9,
      mismatched: 1,
      timed_out: 0,
      in_flight: 0,
      lost: 0,
    });
    expect(result.first_mismatch).toEqual({
      connection: 0,
      offset: 10 * SIZE,
      kind: "foreign",
      expected: "",
      actual: hex(Buffer.from("and more")),
    });
  });

  it("says more only when it sees our FIN: foreign", async () => {
    await using target = await answering((message, sequence, { socket }) => {
      if (sequence === 0) socket.prependListener("end", () => socket.write("goodbye"));
      return message;
    });
    const { code, result } = await stress([target.name, "-c", "1", "-n", "10"]);
    expect(code).toBe(6);
    expect(result.messages.verified).toBe(9);
    expect(result.first_mismatch!.actual).toBe(hex(Buffer.from("goodbye")));
  });

  it("spoils one connection of many: the others are verified to the end", async () => {
    await using target = await answering(spoiling((message) => message.fill(0)));
    const { code, result } = await stress([
      ...[target.name, "-c", "10", "-n", "1000", "--pipeline", "4", "--workers", "2"],
    ]);
    expect(code).toBe(6);
    expect(result.messages.mismatched).toBe(1);
    expect(result.messages.verified).toBe(900 + SPOILT);
    expect(allAccountedFor(result)).toBe(true);
    expect(result.first_mismatch!.kind).toBe("corrupted");
    expect(result.connections.lost).toBe(0); // it was we who closed it
  });

  it("spoils every connection: each is counted, one is shown", async () => {
    await using target = await answering((message) => message.fill(0x41));
    const { code, result } = await stress([target.name, "-c", "20", "-n", "200"]);
    expect(code).toBe(6);
    expect(result.messages.verified).toBe(0);
    expect(result.messages.mismatched).toBe(20);
    expect(result.connections.lost).toBe(0);
    expect(result.first_mismatch!.offset).toBe(0);
  });
});
