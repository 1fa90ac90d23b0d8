// Deliberately broken servers, one per kind of mismatch, under loads of every shape: stress names the kind
// and the first wrong byte. faults_test.ts has more of them, for one message in flight.
import { describe, expect, it } from "bun:test";
import type { MismatchKind } from "../../../lib/result/result.ts";
import {
  allAccountedFor,
  answering,
  SIZE,
  stress,
  type Target,
  target,
  type Victim,
} from "../../support/misbehaving.ts";
import { checkRows } from "../../support/rows.ts";

/** The message that is spoilt. */
const AT = 3;

/** What a broken server answers to the message AT and the one after it; null for a part, and the end. */
type Answer = (first: Buffer, next: Buffer, other: Buffer) => Uint8Array | null;

/** `other` is the first message of another connection. */
const BROKEN: Record<MismatchKind, Answer> = {
  lost: (_, next) => next,
  duplicated: (first, next) => Buffer.concat([first, first, next]),
  reordered: (first, next) => Buffer.concat([next, first]),
  corrupted: (first, next) => {
    const changed = Buffer.from(first);
    changed[10]! ^= 0x80;
    return Buffer.concat([changed, next]);
  },
  foreign: (_, next, other) => Buffer.concat([other, next]),
  truncated: () => null,
};

/** What a broken server did, as far as a test has to know. */
interface Done {
  first: Buffer;
  next: Buffer;
  other: Buffer;
  offset: number;
}

/** Answers rightly, but spoils AT of the connection that was accepted as number `spoilt`. */
function broken(kind: MismatchKind, spoilt: number, split: (bytes: Buffer) => number) {
  const done: { what?: Done } = {};
  const firsts: Buffer[] = [];
  const served = target((victim: Victim) => {
    let pending: Buffer = Buffer.alloc(0);
    let held: Buffer[] | null = [];
    let sequence = 0;
    let offset = 0;
    victim.socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (let size; (size = split(pending)) > 0; pending = pending.subarray(size)) {
        const message = Buffer.from(pending.subarray(0, size));
        firsts[victim.number] ??= message;
        if (victim.number !== spoilt || sequence++ < AT || held === null) {
          offset += message.length;
          if (victim.socket.writable) victim.socket.write(message);
          continue;
        }
        // The one that is spoilt, and one after it: what they are is known only then.
        if (held.push(message) < 2) continue;
        const [first, next] = held as [Buffer, Buffer];
        const other = firsts.find((_, number) => number !== spoilt)!;
        done.what = { first, next, other, offset };
        const bytes = BROKEN[kind](first, next, other);
        held = null;
        if (bytes === null) victim.socket.end(first.subarray(0, 9));
        else victim.socket.write(bytes);
      }
    });
  });
  return { served, done };
}

const differs = (a: Uint8Array, b: Uint8Array) => a.findIndex((byte, i) => byte !== b[i]);

const wrongByte = (kind: MismatchKind, { first, next, other, offset }: Done): number => {
  if (kind === "corrupted") return offset + 10;
  if (kind === "truncated") return offset + 9;
  if (kind === "duplicated") return offset + first.length + differs(next, first);
  return offset + differs(first, kind === "foreign" ? other : next);
};

const seeded = (bytes: Buffer) => bytes.length >= SIZE ? SIZE : 0;
const lines = (bytes: Buffer) => bytes.indexOf("\n") + 1;

const ALL = Object.keys(BROKEN) as MismatchKind[];

/** Several kinds at once, each against its server, in one run each. */
async function names(
  kinds: readonly MismatchKind[],
  args: string[],
  spoilt = 1,
  split: (bytes: Buffer) => number = seeded,
): Promise<void> {
  await Promise.all(kinds.map(async (kind) => {
    const { served, done } = broken(kind, spoilt, split);
    await using server: Target = await served;
    const { code, result } = await stress([server.name, "-c", "2", ...args], 50_000);
    const { first_mismatch: found, messages } = result;
    expect([kind, code, messages.mismatched]).toEqual([kind, 6, 1]);
    expect([found?.kind, found?.offset]).toEqual([kind, wrongByte(kind, done.what!)]);
    expect(messages.verified >= AT).toBe(true);
  }));
}

/** What an earlier connection leaves behind is foreign to the next one. */
const CHURN = ["lost", "corrupted", "foreign", "truncated"] as const;

describe("stress names what a broken server does:", () => {
  for (const [when, delay] of [["at once", 0], ["a moment later", 30]] as const) {
    it(`a second reply ${when}, to a message that is mismatched then and not verified as well`, async () => {
      await using server = await answering((message, _, { socket }) => {
        const again = Buffer.from(message);
        if (delay > 0) setTimeout(() => socket.writable && socket.write(again), delay);
        return delay > 0 ? message : Buffer.concat([message, again]);
      });
      const args = delay > 0 ? ["-r", "5", "-d", "900ms"] : ["-n", "1"];
      const { code, result } = await stress([server.name, "-c", "1", ...args]);
      expect([code, result.first_mismatch?.kind]).toEqual([6, "duplicated"]);
      expect(result.messages).toMatchObject({ verified: 0, mismatched: 1 });
      expect(allAccountedFor(result)).toBe(true);
      checkRows(result);
    });
  }

  it("with messages in flight", () => names(ALL, ["-n", "60", "--pipeline", "8"]));

  it("on schedule", () => names(ALL, ["--rate", "400", "-n", "80"]));

  it("on schedule, with a connection in place of the wrong one", () =>
    names(ALL, ["--rate", "400", "-n", "80", "--reconnect"]));

  it(
    "on a connection that has followed another one",
    () => names(CHURN, ["-n", "60", "--pipeline", "4", "--messages-per-connection", "10"], 2),
  );

  it(
    "with messages of the user's that have numbers",
    () => names(ALL, ["-n", "60", "--pipeline", "4", "-m", "set k{conn} {seq} to 0\\n"], 1, lines),
  );
});
