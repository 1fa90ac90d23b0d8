// Wrong usage of any command: one line that helps, exit 2, and nothing started. And --help.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, spawnCli } from "../support/cli.ts";

/** Runs all, two at a time, as there may be no more CPUs. */
async function each<T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await check(item);
  };
  await Promise.all([worker(), worker()]);
}

/** Checks that a command line is refused, with a line that matches. */
async function refused(line: string, says: RegExp, env: Record<string, string> = {}) {
  await using cli = spawnCli(line.split(" ").filter((word) => word !== ""), { env });
  const { code } = await cli.exit;
  const seen = { line, code, stdout: cli.stdout(), lines: cli.stderr().split("\n").length - 1 };
  expect(seen).toEqual({ line, code: 2, stdout: "", lines: 1 });
  expect(cli.stderr()).toMatch(/^iomux: /);
  expect(cli.stderr()).toMatch(says);
}

const refusals = (cases: readonly [line: string, says: RegExp][]) =>
  each(cases, ([line, says]) => refused(line, says));

describe("iomux refuses", () => {
  it("no command, and one that it does not know", () =>
    refusals([
      ["", /missing command/],
      ["strss", /unknown command 'strss'.*stress/],
      ["clint 127.0.0.1:1", /unknown command 'clint'.*client/],
      ["--verson", /unknown option '--verson'.*--version/],
    ]));

  it("options that it does not know, and names the nearest", () =>
    refusals([
      ["stress --conections 5", /'--conections'.*--connections/],
      ["stress --work 2", /'--work'.*--workers/],
      ["client --connect-timeuot 1s 127.0.0.1:1", /'--connect-timeuot'.*--connect-timeout/],
      ["info --jsn", /'--jsn'.*--json/],
    ]));

  it("options of later versions", () =>
    refusals([
      ["client --hex 127.0.0.1:1", /unknown option '--hex'/],
      ["client -z 127.0.0.1 1-9", /unknown option '-z'/],
    ]));

  it("more arguments than there are", () =>
    refusals([
      ["stress 127.0.0.1:1 127.0.0.1:2", /too many arguments/],
      ["client 127.0.0.1 1 2", /too many arguments/],
      ["info something", /too many arguments/],
      ["serve 9999", /too many arguments/],
    ]));

  it("values that make no sense", () =>
    refusals([
      ["stress -c 0", /--connections.*less than 1/],
      ["stress -c", /--connections.*missing/],
      ["stress -n 1.5", /--messages.*not a whole number/],
      ["stress -d 5x", /--duration.*not a duration/],
      ["stress -d 0", /--duration.*more than 0/],
      ["stress -s 12xyz", /--size.*not a size/],
      ["stress -s 0", /--size.*at least 1/],
      ["stress --timeout 0", /--timeout.*more than 0/],
      ["stress --expect bytes:x", /--expect.*number of bytes/],
      ["stress --expect /(/", /--expect.*cannot use \/\(\//],
      ["stress --rate 0", /--rate.*above 0/],
      ["stress --tick 1ms", /'--tick' is for a schedule, as '--rate' makes one/],
      ["stress --rate 5q", /--rate.*not a rate/],
      ["stress --processes 0", /--processes.*between 1 and 256/],
      ["stress --workers 0", /--workers.*between 1 and 256/],
      ["client -w 0 127.0.0.1:1", /--connect-timeout.*more than 0/],
      ["info --connections -5", /--connections/],
    ]));

  it("a selector that this system does not have, and names those that it has", () =>
    refusals([
      ["stress --client-selector kqueue -n 1", /kqueue.*available:.* poll/],
      ["stress --selector wsapoll -n 1", /wsapoll.*available:.* poll/],
      ["stress --selector pol -n 1", /--selector.*poll/],
    ]));

  it("targets that are none", () =>
    refusals([
      ["client", /missing target/],
      ["client 127.0.0.1", /HOST:PORT/],
      ["client ::1:80", /\[HOST\]:PORT/],
      ["client 127.0.0.1:99999", /no port/],
      ["client 127.0.0.1:0", /port 0/],
      ["client 127.0.0.1:x", /no port/],
      ["stress nohost", /HOST:PORT/],
      ["stress 127.0.0.1:99999", /port/i],
      ["stress 127.0.0.1:0", /port 0/],
    ]));

  it("what excludes each other", () =>
    refusals([
      ["client 127.0.0.1:1 2", /port is given twice/],
      ["client --unix /x 127.0.0.1:1", /exclude/],
      ["stress --unix /x 127.0.0.1:1", /exclude/],
      ["stress 127.0.0.1:1 --service upper", /--service.*embedded/],
      ["stress 127.0.0.1:1 --server-workers 2", /--server-workers.*embedded/],
      ["stress -s 64MiB --pipeline 2", /64MiB/],
    ]));

  it("more connections than there can be open files", async () => {
    await using cli = spawnCli(["stress", "-c", "1000", "-n", "1"], { openFiles: 500 });
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr()).toMatch(
      /^iomux: 1000 connections need .* limit is 500 \(RLIMIT_NOFILE\): .*ulimit -n 2100 .*\n$/,
    );
  });

  it("a bad value in the environment as it does on the command line", () =>
    each(
      ["abc", "-1", "0"],
      (value) => refused("stress -n 1", /IOMUX_CONNECTIONS/, { IOMUX_CONNECTIONS: value }),
    ));
});

describe("iomux --help", () => {
  it("of each command names its options and their variables", () =>
    each([
      ["serve", "--port", "IOMUX_PORT"],
      ["client", "--connect-timeout", "IOMUX_CONNECT_TIMEOUT"],
      ["stress", "--pipeline", "IOMUX_PIPELINE"],
      ["info", "--connections", "IOMUX_CONNECTIONS"],
    ], async ([command, ...words]) => {
      await using cli = spawnCli([command!, "--help"]);
      expect((await cli.exit).code).toBe(0);
      expect(cli.stderr()).toBe("");
      expect(cli.stdout().startsWith(`Usage: iomux ${command}`)).toBe(true);
      for (const word of words) expect(cli.stdout()).toContain(word);
    }));

  it("of the program names the commands", () =>
    each(["--help", "-h", "help"], async (flag) => {
      await using cli = spawnCli([flag]);
      expect((await cli.exit).code).toBe(0);
      for (const name of ["serve", "client", "stress", "info"]) {
        expect(cli.stdout()).toContain(name);
      }
    }));
});

describe("iomux --version", () => {
  it("is that of package.json", () =>
    each(["--version", "-V"], async (flag) => {
      const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
      await using cli = spawnCli([flag]);
      expect((await cli.exit).code).toBe(0);
      expect([cli.stdout(), cli.stderr()]).toEqual([`${version}\n`, ""]);
    }));
});
