// Scripts of iomux client: what they send and expect, and how they fail.
import { afterAll, describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { type Cli, spawnCli } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { refusals } from "../../support/usages.ts";
import { NO_TLS } from "../../tls/certificates.ts";
import { FarEnd, PATIENCE_MS } from "../far_end.ts";
import { sleep } from "../../support/waiting.ts";
import { echoPeer, peer } from "../peers.ts";

describe("iomux client --script", () => {
  const scripts = new TempDir();
  let written = 0;
  afterAll(() => scripts[Symbol.dispose]());

  function start(text: string, ...target: string[]): Cli {
    const path = scripts.file(`${written++}-steps`);
    writeFileSync(path, text);
    return spawnCli(["client", "--script", path, ...target]);
  }
  async function script(text: string, target: string): Promise<Cli> {
    const cli = start(text, target);
    await cli.exit;
    return cli;
  }

  it("takes a line of any length", async () => {
    const long = "0123456789".repeat(90_000);
    await using echo = await echoPeer();
    await using cli = await script(`send "${long}"\nexpect "${long}" 20s\n`, echo.name);
    expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
    expect(cli.stdout()).toBe(long);
    await using late = await script(`expect "${long}" 10ms\n`, echo.name);
    expect((await late.exit).code).toBe(4);
    expect(late.stderr().length).toBeLessThan(1000);
  });

  it("shows what came as a script writes it, and times with their units", async () => {
    await using silent = await peer((socket) =>
      void socket.write(Buffer.from('\0\x01"\\\r\n\x80é', "latin1"))
    );
    await using cli = await script('expect "two" 1000ms\n', silent.name);
    expect((await cli.exit).code).toBe(4);
    const came = '"\\0\\x01\\"\\\\\\r\\n\\x80\\xe9"';
    expect(cli.stderr()).toContain(
      `nothing of the kind within 1 s; expected "two" 1000ms, came ${came}\n`,
    );
  });

  for (const transport of ["tcp", ...(NO_TLS === undefined ? ["tls"] as const : [])] as const) {
    for (const last of ["", "close\n"]) {
      it(`ends when the peer's kernel has taken all, or with exit 5 (${transport}, ${last.trim()})`, async () => {
        const much = `send "${"a".repeat(10_000_000)}"\n${last}`;
        for (const reads of [true, false]) {
          using far = new FarEnd(transport);
          await using cli = start(much, ...far.target);
          const connection = await far.accept(() => cli.stderr());
          await connection.read(PATIENCE_MS, 1);
          if (reads) await connection.read(PATIENCE_MS);
          else connection.reset();
          expect([reads, (await cli.exit).code]).toEqual([reads, reads ? 0 : 5]);
          expect(cli.stderr()).toMatch(
            reads ? /^$/ : /^iomux: \S*, line \d: Cannot .*: (ECONNRESET|EPIPE|TLS_TRUNCATED)/,
          );
        }
      });
    }
  }

  it("says how much a peer has not taken that takes nothing: exit 5", async () => {
    using far = new FarEnd();
    await using cli = start(`send "${"a".repeat(3_000_000)}"\n`, ...far.target);
    await far.accept(() => cli.stderr());
    expect((await cli.exit).code).toBe(5);
    expect(cli.stderr()).toMatch(/, line 1: [\d,]+ bytes were not taken by the peer\n$/);
  });

  it("does not blame a peer that has reset for anything else, and names the line", async () => {
    await using resetting = await peer((socket) =>
      void socket.once("data", () => socket.resetAndDestroy())
    );
    for (const step of ["close", 'send "x"', "expect end"]) {
      await using cli = await script(`send "x"\nsleep 300ms\n${step}\n`, resetting.name);
      expect((await cli.exit).code).toBe(5);
      expect(cli.stderr()).toMatch(/steps, line 3: Cannot receive from .*: ECONNRESET/);
    }
  });

  it("ends in time, by a step's own or by a signal, though a peer never stops sending", async () => {
    const endless = () =>
      peer((socket) => {
        const more = () => {
          while (!socket.destroyed && socket.write(Buffer.alloc(60_000, "x")));
        };
        socket.on("drain", more);
        more();
      });
    await using one = await endless();
    await using late = await script('expect "never" 500ms\n', one.name);
    expect((await late.exit).code).toBe(4);
    await using two = await endless();
    await using told = start('expect "never" 99s\n', two.name);
    await two.connection;
    await sleep(300);
    told.kill("SIGTERM");
    expect((await told.exit).code).toBe(143);
  });

  it("names the line and what was expected when the peer resets before the first step", async () => {
    for (let round = 0; round < 5; round++) {
      await using rude = await peer((socket) => void socket.resetAndDestroy());
      await using cli = await script('# none yet\nexpect "x" 2s\n', rude.name);
      expect((await cli.exit).code).toBe(5);
      expect(cli.stderr()).toMatch(
        /^iomux: \S*steps, line 2: Cannot receive .*; expected "x" 2s, came nothing\n$/,
      );
    }
  });

  it("sends, expects, half-closes and sleeps", async () => {
    await using echo = await echoPeer();
    await using cli = await script(
      '# a dialogue\nsend "h\\x65llo\\r\\n"\nexpect "hello\\r\\n" 5s\n\nsleep 10ms\n' +
        'send "answer 42"\nexpect /ANSWER \\d+/i\nclose\nexpect end\n',
      echo.name,
    );
    expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
    expect(cli.stdout()).toBe("hello\r\nanswer 42");
  });

  it("says which line failed, what was expected and what came: exit 4", async () => {
    await using echo = await echoPeer();
    await using cli = await script('send "one"\nexpect "two" 200ms\n', echo.name);
    expect((await cli.exit).code).toBe(4);
    expect(cli.stderr()).toMatch(/^iomux: \S*steps, line 2: .*expected "two" 200ms, came "one"\n$/);
  });

  it("says that the peer has ended before: exit 5", async () => {
    await using brief = await peer((socket) => void socket.end("bye"));
    await using cli = await script('expect "hello"\n', brief.name);
    expect((await cli.exit).code).toBe(5);
    expect(cli.stderr()).toMatch(/line 1: the peer has ended; expected "hello", came "bye"\n$/);
  });

  it("refuses what it does not understand, with the line: exit 2", async () => {
    const cases: [text: string, message: RegExp][] = [
      ['send "a"\nwait 1s\n', /line 2: unknown step "wait"/],
      ["send hello\n", /line 1: use send "TEXT"/],
      ['send "\\q"\n', /line 1: .*no escape/],
      ['expect "x" soon\n', /line 1: .*soon/],
      ["expect /(/\n", /line 1: /],
      ['close\n\nsend "x"\n', /line 3: nothing can be sent any more: line 1 is "close"/],
      ["close\nclose\n", /line 2: nothing can be sent any more: line 1 is "close"/],
      ['send "x\n', /line 1: use send "TEXT"/],
      ['send "x" y\n', /line 1: nothing may follow the text to send: y/],
    ];
    using folder = new TempDir();
    const said = await refusals(cases.map(([text], i) => {
      writeFileSync(folder.file(`${i}`), text);
      return { args: ["client", "--script", folder.file(`${i}`), "127.0.0.1:1"] };
    }));
    for (const [i, [text, message]] of cases.entries()) {
      expect(`${text}: ${said[i]}`).toMatch(message);
    }
  });
});
