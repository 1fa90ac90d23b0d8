// `iomux serve` from the outside: wrong usage, what it says when it can't start, logs, environment.
import { describe, expect, it } from "bun:test";
import { type CliOptions, spawnCli, startServe } from "../../support/cli.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { refusals } from "../../support/usages.ts";

/** Runs `iomux serve ARGS`, which must fail with the code and one line on stderr that matches. */
async function fails(args: string[], code: number, why: RegExp, options: CliOptions = {}) {
  await using cli = spawnCli(["serve", ...args], options);
  expect({ ...(await cli.exit), stderr: cli.stderr() })
    .toEqual({ code, signal: null, stderr: cli.stderr() });
  expect(cli.stderr()).toMatch(/^iomux: [^\n]+\n$/);
  expect(cli.stderr()).toMatch(why);
  expect(cli.stderr()).not.toMatch(/ at .*\.ts|undefined|\[object/);
  expect(cli.stdout()).toBe("");
}

describe("iomux serve, used wrongly", () => {
  const cases: [string, string[], RegExp][] = [
    ["a port above 65535", ["-p", "70000"], /--port.*70000.*0 to 65535/],
    ["a port that is no number", ["-p", "http"], /Invalid port "http"/],
    ["a negative port", ["-p", "-1"], /-1/],
    ["an unknown option, with the nearest one", ["--prot", "1"], /--prot.*did you mean --port\?/],
    ["a missing value", ["--workers"], /--workers.*needs a value/],
    ["an extra argument", ["9999"], /too many arguments/],
    ["a size that is none", ["--max-buffer", "abc"], /--max-buffer.*"abc" is not a size/],
    ["a size too small", ["--max-buffer", "1"], /--max-buffer.*2 bytes/],
    ["a duration that is none", ["--idle-timeout", "5x"], /"5x" is not a duration/],
    ["an unknown service", ["--service", "ecko"], /"ecko".*echo, upper, discard, chargen, daytime/],
    ["an unknown selector", ["--selector", "iocp"], /"iocp".*auto, select, poll, epoll/],
    ["a selector of another system", ["--selector", "kqueue"], /kqueue.*available: .*epoll/],
    ["a path that is too long", ["--unix", `/tmp/${"x".repeat(120)}`], /--unix.*1 to 107 bytes/],
    ["an abstract name that is too long", ["--unix", `@${"x".repeat(108)}`], /@ has 108.*1 to 107/],
    ["an abstract name that is empty", ["--unix", "@"], /--unix.*what follows the @ has 0 bytes/],
    ["an empty path", ["--unix", ""], /--unix.*1 to 107 bytes/],
    ["no workers", ["--workers", "0"], /"0" is not between 1 and 256/],
    ["no connections", ["--max-connections", "0"], /"0" is less than 1/],
    ["a network that is none", ["--allow", "10.0.0.0/33"], /'--allow': .*most is \/32/],
    ["an empty list of permissions", ["--allow", ""], /'--allow': "" names no network/],
    ["an empty permission among others", ["--allow", "::1,"], /'--allow': .* names no network/],
    ["an empty list of refusals", ["--deny", " "], /'--deny': " " names no network/],
    [
      "a network by name",
      ["--deny", "localhost"],
      /'--deny': .*"localhost" is no network/,
    ],
    ["no connections per address", ["--max-per-address", "0"], /"0" is less than 1/],
    [
      "networks of a path",
      ["--unix", "/tmp/x", "--deny", "::1"],
      /'--deny' has no meaning.*--unix/,
    ],
    ["metrics without a port", ["--metrics", "localhost"], /'--metrics': .*HOST:PORT/],
    ["metrics on a bad port", ["--metrics", "[::1]:70000"], /'--metrics': .*65535/],
    ["an unknown log level", ["--log-level", "loud"], /"loud".*debug, info, warn, error/],
    ["an unknown log format", ["--log-format", "xml"], /"xml".*text, json/],
  ];
  it("exit 2, one line that says what is wrong", async () => {
    const usages = cases.map(([, args]) => ({ args: ["serve", ...args] }));
    const said = await refusals([...usages, { args: ["serve"], env: { IOMUX_SERVE_PORT: "x" } }]);
    const wanted = [...cases, ["a bad value of a variable", [], /IOMUX_SERVE_PORT/] as const];
    for (const [i, [what, , why]] of wanted.entries()) {
      expect(`${what}: ${said[i]}`).toMatch(/: iomux: [^\n]+\n$/);
      expect(`${what}: ${said[i]}`).toMatch(why);
    }
  });
});

describe("iomux serve, where it can't listen", () => {
  it("a busy port: exit 3, the line names address and error", async () => {
    await using server = await startServe();
    const args = ["-H", "127.0.0.1", "-p", `${server.port}`];
    await fails(args, 3, new RegExp(`Cannot bind 127\\.0\\.0\\.1:${server.port}: EADDRINUSE `));
  });

  it("a busy port with several workers: the same", async () => {
    await using server = await startServe();
    const args = ["-H", "127.0.0.1", "-p", `${server.port}`, "--workers", "2"];
    await fails(args, 3, /Cannot bind 127\.0\.0\.1:\d+: EADDRINUSE /);
  });

  it("a name without an address: exit 3", () =>
    fails(["-H", "no.such.host.invalid", "-p", "0"], 3, /Cannot resolve no\.such\.host\.invalid/));

  it("an IPv4 address with a zone: exit 3", () =>
    fails(["-H", "127.0.0.1%lo", "-p", "0"], 3, /Cannot resolve 127\.0\.0\.1%lo: ENOTFOUND/));

  it("Deno without --allow-ffi: exit 1, the line says which flag", () =>
    process.versions.deno
      ? fails(["-p", "0", "-H", "127.0.0.1"], 1, /--allow-ffi/, {
        denoFlags: ["--allow-env", "--allow-read"],
      })
      : undefined);
});

describe("iomux serve and its environment", () => {
  it("takes every option from IOMUX_ variables; arguments win", async () => {
    const env = {
      ...{
        IOMUX_SERVE_PORT: "0",
        IOMUX_SERVE_HOST: "127.0.0.1",
        IOMUX_SERVE_SERVICE: "upper",
        IOMUX_SERVE_STATS: "1",
      },
      ...{
        IOMUX_SERVE_WORKERS: "2",
        IOMUX_SERVE_SELECTOR: "poll",
        IOMUX_SERVE_MAX_CONNECTIONS: "5",
      },
      ...{ IOMUX_SERVE_LOG_LEVEL: "debug", IOMUX_SERVE_LOG_FORMAT: "text" },
    };
    await using server = await startServe(["--selector", "select"], { env });
    expect(server.name).toMatch(/^127\.0\.0\.1:/);
    expect(new TextDecoder().decode(await exchange(server, "hello"))).toBe("HELLO");
    await server.says(/upper with select, 2 workers, at most 5 connections/);
    expect((await server.stop()).code).toBe(0);
    expect(server.lastStats().workers).toBe(2);
  });

  it("a switch's variable that says no is off", async () => {
    await using server = await startServe([], {
      env: { IOMUX_SERVE_STATS: "0", IOMUX_SERVE_TRACE: "false" },
    });
    expect((await exchange(server, "hello")).length).toBe(5);
    expect((await server.stop()).code).toBe(0);
    expect(server.stdout()).toBe(`listening on ${server.name}\n`);
    expect(server.stderr()).not.toMatch(/waiting for/);
  });
});

describe("iomux serve and its log", () => {
  /** A server that has something to log: a drain with a connection that must be cut. */
  const logOf = async (...args: string[]) => {
    await using server = await startServe(["--drain-timeout", "50ms", ...args]);
    using peer = Peer.dial(server);
    await peer.send("x");
    await peer.text(1);
    server.kill("SIGTERM");
    expect((await server.exit).code).toBe(1);
    expect(server.stdout()).toBe(`listening on ${server.name}\n`);
    return server.stderr();
  };

  it("--log-format json: an object a line", async () => {
    const records = (await logOf("--log-format", "json")).trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    expect(records.length).toBe(2);
    expect(records.map(({ level }) => level.toUpperCase().slice(0, 4))).toEqual(["INFO", "WARN"]);
    expect(records[0].message).toMatch(/^Draining: 1 connection/);
    expect(records[1].message).toMatch(/^Cut 1 connection/);
  });

  it("text: a line with its level each, and no colours", async () => {
    const log = await logOf();
    expect(log).toMatch(/\[info\] Draining: 1 connection/);
    expect(log).toMatch(/\[warn\] Cut 1 connection/);
    expect(log.includes("\x1b")).toBe(false);
  });

  it("--log-level warn and error leave out the rest", async () => {
    const log = await logOf("--log-level", "warn");
    expect(log.trimEnd().split("\n").length).toBe(1);
    expect(log).toMatch(/Cut 1/);
    expect(await logOf("--log-level", "error")).toBe("");
  });

  it("the limit of open files is raised as far as it goes, and told", async () => {
    await using server = await startServe(["--log-level", "debug"], {
      openFiles: 400,
      softOpenFiles: 200,
    });
    // By this program, or before it began by the runtime.
    await server.says(/\[info\] Open files: raised the limit from 200 to 400|the limit is 400/);
    await server.says(/at most 300 connections/);
  });

  it("a backlog above somaxconn is told, once", async () => {
    const denoFlags = ["-q", "-A"]; // to read /proc, -P is not enough
    await using server = await startServe(["--backlog", "10m"], { denoFlags });
    expect((await server.says(/[^\n]*somaxconn[^\n]*\n/))[0]).toMatch(/\[warn\].*10000000/);
  });
});
