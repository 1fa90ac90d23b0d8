// A connection with a wrong reply takes no more messages, while more of what is wrong is waited for: the others do.
import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { engineMissing } from "../../../../lib/engine/mod.ts";
import { TempDir } from "../../../support/files.ts";
import { checkRows } from "../../../support/rows.ts";
import { allAccountedFor, answering, SIZE, stress, target } from "../../../support/misbehaving.ts";

/** What is on its way when a reply is wrong has come by then; evidence is waited for longer. */
const ON_ITS_WAY_MS = 400;
/** The reply that is wrong, of each connection that has one, from 0. */
const AT = 20;

/** An echo whose reply AT on some connections is wrong, and that goes on to answer. */
function spoiling(spoilt: (number: number) => boolean) {
  /** Messages that came on these behind that, and how long after it, in milliseconds. */
  const behind: number[] = [];
  const since = new Map<number, number>();
  const served = answering((message, sequence, { number }) => {
    if (since.has(number)) behind.push(performance.now() - since.get(number)!);
    if (!spoilt(number) || sequence !== AT) return message;
    since.set(number, performance.now());
    return Buffer.alloc(SIZE, 0x41);
  });
  return { served, behind };
}

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** How many connections have a wrong reply; the first ones. */
  readonly spoilt?: number;
  /** Messages that leave in all; without a number as many as find a connection. */
  readonly sent?: number;
  /** Messages that can be on their way behind the wrong reply, on a schedule as many as are due until it comes. */
  readonly pipeline?: number;
}

const CASES: readonly Case[] = [
  { name: "a pipeline", args: ["-c", "1", "-n", "400", "--pipeline", "8"], pipeline: 8 },
  {
    name: "a pipeline, replaced",
    args: ["-c", "2", "-n", "400", "--pipeline", "8", "--reconnect"],
    ...{ sent: 400, pipeline: 8 },
  },
  { name: "a schedule and one connection", args: ["-c", "1", "-r", "200", "-d", "3s"] },
  {
    name: "a schedule and one connection, replaced",
    args: ["-c", "1", "-r", "200", "-n", "300", "--reconnect"],
    ...{ sent: 300 },
  },
  {
    name: "a schedule and several connections",
    args: ["-c", "4", "-r", "400", "-n", "400"],
    ...{ spoilt: 2, sent: 400 },
  },
  {
    name: "a schedule and several connections, replaced",
    args: ["-c", "4", "-r", "400", "-n", "400", "--reconnect"],
    ...{ spoilt: 4, sent: 400 },
  },
  {
    name: "a schedule in ticks",
    args: ["-c", "2", "-r", "400", "-n", "400", "--tick", "50ms"],
    ...{ sent: 400 },
  },
];

const ENGINES = engineMissing("uring") === undefined ? ["readiness", "uring"] : ["readiness"];

describe("nothing is sent behind a wrong reply", () => {
  for (const { name, args, spoilt = 1, sent, pipeline = Infinity } of CASES) {
    it(`with ${name}`, async () => {
      await Promise.all(ENGINES.map(async (engine) => {
        const { served, behind } = spoiling((number) => number < spoilt);
        await using server = await served;
        const { code, result } = await stress([server.name, ...args, "--client-engine", engine]);
        const { messages, connections, errors, generator: { scheduled, unsent } } = result;
        expect([engine, code, errors]).toEqual([engine, 6, { MISMATCH: spoilt }] as unknown[]);
        expect([allAccountedFor(result), connections.lost]).toEqual([true, 0] as unknown[]);
        expect(behind.filter((ms) => ms > ON_ITS_WAY_MS)).toEqual([]);
        expect(behind.length).toBeLessThanOrEqual((pipeline - 1) * spoilt);
        expect(messages.lost).toBeGreaterThanOrEqual(behind.length);
        expect(messages.sent).toBe(sent ?? messages.sent);
        if (scheduled !== null) expect(messages.sent + unsent).toBe(scheduled);
        if (sent === undefined && scheduled !== null) expect(unsent).toBeGreaterThan(0);
      }));
    });
  }

  it("with a greeting that no reply is: the first message is what has a wrong one", async () => {
    await using server = await target(({ socket }) => {
      socket.write("hello\r\n");
      socket.on("data", (bytes) => socket.write(bytes));
    });
    const { code, result } = await stress([server.name, "-c", "2", "-r", "50", "-d", "2s"]);
    expect([code, result.errors]).toEqual([6, { MISMATCH: 2 }] as unknown[]);
    expect(allAccountedFor(result)).toBe(true);
    expect(result.messages.lost).toBeLessThan(20); // what is due in 0.4 s
  });

  it("with a greeting on a connection that never sends: found at the end of the run, and in its rows", async () => {
    await using server = await target(({ socket }) => {
      socket.write("hello\r\n");
      socket.on("data", (bytes) => socket.write(bytes));
    }, false);
    const { code, result } = await stress([server.name, "-c", "2", "-n", "1"]);
    expect([code, result.errors]).toEqual([6, { MISMATCH: 2 }] as unknown[]);
    checkRows(result);
  });

  for (
    const [which, wrong] of [
      // The last reply of the first one has more behind it, just before the third one is retired.
      ["one of the others is spoilt", 0],
      // The third one waits for its last reply, which is a wrong one.
      ["that is spoilt itself", 2],
    ] as const
  ) {
    it(`with messages that a retired connection leaves: another one sends them, also where ${which}`, async () => {
      using folder = new TempDir();
      const stages = [{ duration: "1s", connections: 3 }, { duration: "60s", connections: 2 }];
      writeFileSync(folder.file("s.json"), JSON.stringify({ stages }));
      await using server = await answering((message, sequence, { number, socket }) => {
        const later = (ms: number, bytes: Uint8Array) =>
          setTimeout(() => socket.writable && socket.write(bytes), ms);
        if (number === 0 && sequence === 0 && wrong === 0) later(800, Buffer.from("more"));
        if (number < 2) return message;
        // Its fourth reply comes after 1.2 s, and it is retired after 1 s.
        later(300, wrong === 2 && sequence === 3 ? Buffer.alloc(SIZE) : Buffer.from(message));
        return null;
      });
      const args = ["--scenario", folder.file("s.json"), "-n", "90"];
      const { code, result } = await stress([server.name, ...args]);
      expect(code).toBe(6);
      expect(result.messages).toMatchObject({ sent: 90, verified: 89, mismatched: 1, lost: 0 });
    });
  }
});
