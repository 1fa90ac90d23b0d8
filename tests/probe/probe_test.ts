// iomux probe: good servers pass, and each bad one fails the profile that it is bad at.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { spawnCli, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { itUnless, NO_UNIX_SOCKETS } from "../support/systems.ts";
import { until } from "../support/waiting.ts";
import { type Target, target, type Victim } from "../support/misbehaving.ts";

const ALL = ["half-close", "fin-first", "silent", "drip", "unread-close", "reset", "never-read"];

interface Row {
  name: string;
  ok: boolean;
  reasons: string[];
  observed: string;
  bytes: { sent: number; received: number };
  messages: { sent: number; answered: number };
  first_mismatch: { kind: string } | null;
}

/** Runs profiles and returns the exit code and the rows. */
async function profile(args: string[]) {
  await using cli = spawnCli(["probe", ...args, "--json"]);
  const { code } = await cli.exit;
  if (cli.stdout() === "") throw new Error(`exit ${code}: ${cli.stderr()}`);
  const result = JSON.parse(cli.stdout());
  return { code, result, rows: result.profiles as Row[], stderr: cli.stderr() };
}

/** The reasons for which one profile failed against a bad server, which is otherwise an echo. */
async function failing(name: string, bad: Promise<Target>, args: string[] = []): Promise<string> {
  await using server = await bad;
  const { code, rows, result } = await profile([server.name, name, "--timeout", "2s", ...args]);
  expect([code, result.verdict]).toEqual([7, "fail"]);
  expect(rows.map((row) => [row.name, row.ok])).toEqual([[name, false]]);
  return rows[0]!.reasons.join("; ");
}

/** An echo whose sockets are treated by `spoil` as well. */
const echo = (spoil: (victim: Victim) => void): Promise<Target> =>
  target((victim) => {
    victim.socket.on("data", (bytes) => victim.socket.writable && victim.socket.write(bytes));
    spoil(victim);
  });

describe("iomux probe", () => {
  it("passes with the embedded server, in a matrix", async () => {
    await using cli = spawnCli(["probe", "--timeout", "10s"]);
    const { code } = await cli.exit;
    expect([code, cli.stderr()]).toEqual([0, ""]);
    for (const name of ALL) expect(cli.stdout()).toMatch(new RegExp(`^${name} +pass `, "m"));
    expect(cli.stdout()).toMatch(/^verdict {2}pass: 7 of 7 profiles passed$/m);
  });

  it("passes with upper case, a line at a time", async () => {
    await using serve = await startServe(["--service", "upper"]);
    const args = [serve.name, "--timeout", "10s"];
    // Long, because who never reads is sent megabytes of them.
    args.push("--expect", "line", "-m", `hello {seq} ${"a".repeat(500)}\\n`);
    const { code, rows } = await profile(args);
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    expect(code).toBe(0);
    expect(rows.map(({ name }) => name)).toEqual(ALL);
  });

  it("takes what it is asked for, in its own order, and says what there is", async () => {
    const { rows } = await profile(["reset", "half-close", "-c", "3"]);
    expect(rows.map(({ name }) => name)).toEqual(["half-close", "reset"]);
    await using wrong = spawnCli(["probe", "half-clos"]);
    expect((await wrong.exit).code).toBe(2);
    expect(wrong.stderr()).toMatch(/no profile "half-clos" \(did you mean half-close\?\)/);
    await using load = spawnCli(["probe", "--rate", "5"]);
    expect((await load.exit).code).toBe(2);
    expect(load.stderr()).toMatch(/unknown option '--rate'/);
  });

  it("counts the bytes of all messages, also of connections that the target has ended", async () => {
    const { rows } = await profile(["half-close", "silent", "drip", "never-read"]);
    for (const { name, bytes, messages } of rows) {
      expect([name, bytes.sent]).toEqual([name, messages.sent * 64]);
      expect([name, bytes.received]).toEqual([name, messages.answered * 64]);
    }
  });

  it("is written as a test case for each profile, and as a summary", async () => {
    using dir = new TempDir();
    await using server = await echo(({ socket }) => socket.on("end", () => socket.destroy()));
    const files = ["p.json", "p.xml", "p.md"].flatMap((name) => ["-o", dir.file(name)]);
    const { code, rows } = await profile([server.name, "fin-first", "reset", ...files]);
    expect(code).toBe(rows.every(({ ok }) => ok) ? 0 : 7);
    const text = (name: string) => readFileSync(dir.file(name), "utf8");
    expect(JSON.parse(text("p.json")).profiles.length).toBe(2);
    expect(text("p.xml").match(/<testcase [^>]*name="(fin-first|reset)"/g)!.length).toBe(2);
    expect(text("p.md")).toMatch(/^#### iomux probe .*\n\n\| profile \|/);
    await using csv = spawnCli(["probe", "-o", "x.csv"]);
    expect((await csv.exit).code).toBe(2);
    expect(csv.stderr()).toMatch(/names end in \.json \.xml \.md/);
  });

  itUnless(NO_UNIX_SOCKETS, "goes to a Unix socket", async () => {
    using dir = new TempDir();
    await using serve = await startServe(["--unix", dir.file("s")]);
    const args = ["--unix", dir.file("s"), "half-close", "fin-first", "reset", "unread-close"];
    const { code, result, rows } = await profile([...args, "-c", "3", "--timeout", "10s"]);
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    expect([code, result.target]).toEqual([0, serve.name]);
    // The first client, and of each profile three that misbehave, two witnesses and a new one.
    expect((await serve.statsWhen(({ active }) => active === 0)).accepted).toBe(1 + 4 * 6);
  });

  it("ends on a signal with what it has: 130", async () => {
    let taken = 0;
    await using server = await echo(() => taken++);
    const args = ["silent", "drip", "--timeout", "100s", "-c", "3"];
    await using cli = spawnCli(["probe", server.name, ...args]);
    // One that is tried first, two witnesses, and three that are silent for 20 s.
    expect(await until(() => taken === 6, 20_000)).toBe(true);
    cli.kill("SIGINT");
    expect((await cli.exit).code).toBe(130);
    expect(cli.stdout()).toMatch(/2 not run \(interrupted\)/);
  });
});

describe("iomux probe finds the server that", () => {
  it("drops its answers when the client half-closes", async () => {
    const reasons = await failing(
      "half-close",
      target(({ socket }) => {
        socket.on("data", (bytes) => {
          setTimeout(() => socket.writable && socket.write(bytes), 30);
        });
      }),
    );
    expect(reasons).toMatch(/left \d+ of \d+ replies out/);
  });

  it("resets who ends first", async () => {
    const reset = ({ socket }: Victim) =>
      socket.prependOnceListener("end", () => socket.resetAndDestroy());
    expect(await failing("fin-first", echo(reset))).toMatch(
      /broke off .*ECONNRESET.* instead of FIN/,
    );
  });

  it("does not end when the client has, before it was asked anything", async () => {
    const keep = ({ socket }: Victim) => {
      const [end] = socket.listeners("end").splice(-1) as [() => void];
      socket.off("end", end);
      socket.once("data", () => socket.on("end", end));
    };
    expect(await failing("fin-first", echo(keep))).toMatch(/did not end \d connections within 2 s/);
  });

  it("breaks off who says nothing for a moment", async () => {
    const impatient = ({ socket }: Victim) => {
      const timer = setTimeout(() => socket.resetAndDestroy(), 1000);
      socket.once("data", () => clearTimeout(timer));
    };
    // Silent for 3 s: others have a second for their first message, and a busy machine two for the timer.
    expect(await failing("silent", echo(impatient), ["--timeout", "15s"])).toMatch(
      /broke off \d silent connection/,
    );
  });

  it("wants whole messages", async () => {
    const strict = ({ socket }: Victim) =>
      socket.on("data", (bytes: Buffer) => bytes.length < 32 && socket.destroy());
    expect(await failing("drip", echo(strict), ["-s", "64B"])).toMatch(
      /closed \d of \d connections/,
    );
  });

  it("stops serving when one is reset", async () => {
    const all = new Set<Socket>();
    const fragile = ({ socket }: Victim) => {
      all.add(socket);
      socket.on("error", () => all.forEach((other) => other.destroy()));
    };
    expect(await failing("reset", echo(fragile))).toMatch(/witness/);
  });

  it("dies of replies that nobody reads", async () => {
    const all = new Set<Socket>();
    const fragile = ({ socket }: Victim) => {
      all.add(socket);
      socket.on("error", () => all.forEach((other) => other.destroy()));
    };
    expect(await failing("unread-close", echo(fragile))).toMatch(/witness/);
  });

  it("serves nobody while one does not read", async () => {
    const all = new Set<Socket>();
    const blocking = target(({ socket }) => {
      all.add(socket);
      socket.on("data", (bytes) => {
        if (!socket.writable || socket.write(bytes)) return;
        all.forEach((other) => other.pause());
        socket.once("drain", () => all.forEach((other) => other.resume()));
      });
    });
    expect(await failing("never-read", blocking)).toMatch(/did not answer a witness for 2 s/);
  });

  it("never stops reading from one that does not read", async () => {
    const careless = target(({ socket }) => {
      // What can't be sent at once is dropped, as with `Bun.listen` and no `drain`: so it reads for ever.
      socket.on("data", (bytes) => {
        if (socket.writable && !socket.writableNeedDrain) socket.write(bytes);
      });
    });
    expect(await failing("never-read", careless)).toMatch(
      /was still reading after 2 s and|from clients that read nothing, and went on/,
    );
  });

  it("mixes up bytes: exit 6", async () => {
    await using bad = await target(({ socket }) => {
      let seen = 0;
      socket.on("data", (bytes: Buffer) => {
        const copy = Buffer.from(bytes);
        if ((seen += bytes.length) > 64) copy[0]! ^= 1;
        socket.write(copy);
      });
    });
    const { code, rows } = await profile([bad.name, "half-close", "--timeout", "5s"]);
    expect(code).toBe(6);
    expect(rows[0]!.first_mismatch!.kind).toBe("corrupted");
  });

  it("serves nobody at all, or is not there: that is no matter of profiles", async () => {
    let taken = 0;
    await using mute = await target(() => taken++);
    const silent = await profile([mute.name, "--timeout", "500ms"]);
    expect([silent.code, silent.rows.length, taken]).toEqual([4, 0, 1]);
    expect(silent.stderr).toMatch(/does not answer a well-behaved client within 500 ms/);
    const { name } = mute;
    await mute[Symbol.asyncDispose]();
    const gone = await profile([name, "--timeout", "1s"]);
    expect([gone.code, gone.rows.length]).toEqual([3, 0]);
    expect(gone.stderr).toMatch(/ECONNREFUSED/);
  });
});
