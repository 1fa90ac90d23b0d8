// The options of serve for handlers and programs: used wrongly, exit 2 and one line; which one wins.
import { describe, expect, it } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { splitWords } from "../../../lib/cli/serve/handoff.ts";
import { type CliOptions, spawnCli, startServe } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { handlerAt } from "../../support/handoff.ts";
import { exchange, Peer } from "../../support/peers.ts";

const LOCAL = ["-H", "127.0.0.1", "-p", "0"];
const commands = handlerAt("commands.ts");
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function fails(args: string[], why: RegExp, options: CliOptions = {}) {
  await using cli = spawnCli(["serve", ...args], options);
  expect({ ...(await cli.exit), stderr: cli.stderr() })
    .toEqual({ code: 2, signal: null, stderr: cli.stderr() });
  expect(cli.stderr()).toMatch(/^iomux: [^\n]+\n$/);
  expect(cli.stderr()).toMatch(why);
  expect(cli.stdout()).toBe("");
}

describe("serve --handler and --exec, used wrongly: exit 2, one line", () => {
  const cases: [string, string[], RegExp][] = [
    [
      "a handler that is not there",
      [...LOCAL, "--handler", "none.ts"],
      /the handler none\.ts: ENOENT/,
    ],
    [
      "a handler that is a folder",
      [...LOCAL, "--handler", "lib"],
      /the handler lib: it is no regular file/,
    ],
    ["--exec without --host", ["-p", "0", "--exec", "cat"], /--exec' needs an explicit '--host'/],
    ["a program that is not there", [...LOCAL, "--exec", "no-such"], /no program "no-such"/],
    [
      "a program that may not be executed",
      [...LOCAL, "--exec", "./README.md"],
      /may not be executed/,
    ],
    ["a program that is a folder", [...LOCAL, "--exec", "/tmp"], /no program "\/tmp"/],
    ["an open quote", [...LOCAL, "--exec", "sh -c 'x"], /' has no counterpart in: sh -c 'x/],
    ["an empty command", [...LOCAL, "--exec", "  "], /--exec.*no command/],
    ["both", [...LOCAL, "--exec", "cat", "--handler", commands], /'--handler' cannot.*'--exec'/],
    ["with a service", [...LOCAL, "--exec", "cat", "--service", "echo"], /'--exec'.*'--service'/],
    [
      "no workers",
      [...LOCAL, "--handler", commands, "--handler-workers", "0"],
      /"0" is not between/,
    ],
    ["a lease of nothing", [...LOCAL, "--exec", "cat", "--lease-timeout", "x"], /"x" is not a dur/],
    ["with a fault", [...LOCAL, "--exec", "cat", "--delay", "1ms"], /--delay.*--exec/],
    [
      "with TLS",
      [...LOCAL, "--handler", commands, "--tls-cert", "a.pem", "--tls-key", "b.pem"],
      /--tls-cert.*--handler/,
    ],
  ];
  for (const [what, args, why] of cases) it(what, () => fails(args, why));

  const modules: [string, string, RegExp][] = [
    ["no default export", "export const handler = () => {};", /handler.*default export is no func/],
    ["a default export that is no function", "export default 42;", /default export is no function/],
    ["a syntax error", "export default (;", /Cannot use the handler file:.*bad\.ts/],
    ["an error while it loads", 'throw new Error("not today");', /Cannot use.*not today/],
    ["an import that is not there", 'import "./nowhere.ts";', /Cannot use.*nowhere/],
  ];
  for (const [what, source, why] of modules) {
    it(`a module with ${what}`, async () => {
      using dir = new TempDir();
      writeFileSync(dir.file("bad.ts"), source);
      await fails([...LOCAL, "--handler", dir.file("bad.ts")], why);
    });
  }
});

describe("serve --handler FILE", () => {
  const source = (answer: string) =>
    `export default (socket) => { socket.sendAll(new TextEncoder().encode("${answer}")); return "close"; };`;

  it("is relative to the current folder; JavaScript as well as TypeScript", async () => {
    using dir = new TempDir();
    mkdirSync(dir.file("sub folder"));
    writeFileSync(dir.file("sub folder/h.js"), source("by js"));
    writeFileSync(dir.file("h.mjs"), source("by mjs"));
    writeFileSync(
      dir.file("h.ts"),
      'import type { BlockingHandler } from "iomux";\nimport { word } from "./word.ts";\n' +
        "const handler: BlockingHandler = (socket): 'close' => {\n" +
        "  socket.sendAll(new TextEncoder().encode(word as string)); return 'close'; };\n" +
        "export default handler;\n",
    );
    writeFileSync(dir.file("word.ts"), 'export const word: string = "by ts";');
    for (const [file, answer] of [["sub folder/h.js", "js"], ["h.mjs", "mjs"], ["./h.ts", "ts"]]) {
      await using server = await startServe(["--handler", file!], { cwd: dir.path });
      expect(text(await exchange(server, "x"))).toBe(`by ${answer}`);
    }
  });

  it("the command line wins over the environment, the other way round as well", async () => {
    const IOMUX_SERVE_HANDLER = commands;
    await using echo = await startServe(["--service", "upper"], { env: { IOMUX_SERVE_HANDLER } });
    expect(text(await exchange(echo, "bye\n"))).toBe("BYE\n");
    const env = {
      IOMUX_SERVE_SERVICE: "upper",
      IOMUX_SERVE_HANDLER_WORKERS: "1",
      IOMUX_SERVE_LEASE_TIMEOUT: "2s",
    };
    await using handler = await startServe(["--handler", commands], { env });
    expect(text(await exchange(handler, "bye\n"))).toBe("bye\n");
    await using both = await startServe([], { env: { IOMUX_SERVE_HANDLER } });
    using peer = Peer.dial(both);
    await peer.send("who\n");
    expect(await peer.text(6)).toBe("1 1 1\n");
  });
});

describe("splitWords()", () => {
  const cases: [string, string[]][] = [
    ["cat", ["cat"]],
    ["  grep  -v   x ", ["grep", "-v", "x"]],
    [`sh -c 'a "b" \\c'`, ["sh", "-c", 'a "b" \\c']],
    [`a "b 'c' \\"d\\" \\x" e`, ["a", `b 'c' "d" \\x`, "e"]],
    [`a\\ b ''  ""x'y'z`, ["a b", "", "xyz"]],
    ["", []],
  ];
  for (const [line, words] of cases) {
    it(`${JSON.stringify(line)} has ${words.length} words`, () => {
      expect(splitWords(line)).toEqual(words);
    });
  }
});
