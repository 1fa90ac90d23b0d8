// What the options of iomux client do, seen from its peer and on its streams.
import { describe, expect, it } from "bun:test";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { getAvailablePort, Socket } from "../../lib/net/mod.ts";
import { type Cli, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { inNamespace, NO_NAMESPACE } from "../support/namespaces.ts";
import { itUnless } from "../support/systems.ts";
import { refusals } from "../support/usages.ts";
import { until } from "../support/waiting.ts";
import { echoPeer, everything, FullBacklog, peer, shellClient } from "./peers.ts";

const client = (...args: string[]): Cli => spawnCli(["client", ...args]);
const talking = (stdin: string, ...args: string[]): Cli => spawnCli(["client", ...args], { stdin });

describe("iomux client", () => {
  it("-C sends line feeds as CR LF, and CR LF as it is", async () => {
    await using echo = await echoPeer();
    await using cli = talking("a\nb\r\nc\n\n", "-C", echo.name);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("a\r\nb\r\nc\r\n\r\n");
  });

  it("-s connects from an address, and a port", async () => {
    await using whose = await peer((socket) =>
      void socket.end(`${socket.remoteAddress}:${socket.remotePort}`)
    );
    await using a = client("-s", "127.0.0.5", whose.name);
    await a.exit;
    expect(a.stdout()).toMatch(/^127\.0\.0\.5:\d+$/);
    const port = getAvailablePort();
    await using b = client("-s", `127.0.0.6:${port}`, whose.name);
    await b.exit;
    expect(b.stdout()).toBe(`127.0.0.6:${port}`);
    await using any = client("-s", "127.0.0.7:0", whose.name);
    expect([(await any.exit).code, any.stdout()]).toEqual([
      0,
      expect.stringMatching(/^127\.0\.0\.7:/),
    ]);
  });

  it("-s leaves only the addresses of its family", async () => {
    await using six = await echoPeer("::1");
    await using a = client("-v", "-s", "127.0.0.5", `localhost:${six.port}`);
    expect((await a.exit).code).toBe(3);
    expect(a.stderr()).not.toContain("[::1]");
    expect(a.stderr()).toMatch(/\n(iomux: Cannot connect to 127\.0\.0\.1:\d+: ECONNREFUSED .*)\n$/);
    await using b = talking("six", "-v", "-s", "::1", `localhost:${six.port}`);
    expect([(await b.exit).code, b.stdout()]).toEqual([0, "six"]);
    expect(b.stderr()).not.toContain("127.0.0.1");
  });

  it("-4 and -6 take addresses of one family only", async () => {
    await using six = await echoPeer("::1");
    await using a = client("-4", `localhost:${six.port}`);
    expect((await a.exit).code).toBe(3);
    await using b = talking("six", "-6", `localhost:${six.port}`);
    expect([(await b.exit).code, b.stdout()]).toEqual([0, "six"]);
  });

  it("takes a service's name for its port", async () => {
    await using cli = client("127.0.0.1:tcpmux-no-such");
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr()).toContain("tcpmux-no-such");
    await using known = client("127.0.0.1", "gopher", "-w", "5s");
    await known.exit;
    expect(known.stderr()).toContain("127.0.0.1:70");
  });

  it("takes a path for a target as -l does: a Unix socket", async () => {
    using folder = new TempDir();
    await using _echo = await echoPeer(folder.file("s"));
    await using cli = spawnCli(["client", "./s"], { stdin: "local", cwd: folder.path });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([0, "local"]);
    await using none = client("@iomux-nobody-listens");
    expect((await none.exit).code).toBe(3);
    expect(none.stderr()).toContain("unix:@iomux-nobody-listens: ECONNREFUSED");
  });

  it("-U reaches an abstract name", async () => {
    using listener = Socket.listen({ path: `@iomux-test-${process.pid}` });
    await using cli = talking("hello", "-U", `@iomux-test-${process.pid}`);
    let accepted: Socket | null = null;
    await until(() => (accepted = listener.accept()) !== null, 15_000);
    const buffer = new Uint8Array(new ArrayBuffer(16));
    let count = -1;
    await until(() => (count = accepted!.recv(buffer)) > 0);
    expect(Buffer.from(buffer.subarray(0, count)).toString()).toBe("hello");
    accepted!.close();
    expect((await cli.exit).code).toBe(0);
  });

  it("-x shows both directions on stderr, with offsets that go on", async () => {
    let printed = () => "";
    await using late = await peer(async (socket) => {
      const got = await everything(socket);
      socket.write("0123456789abcdef");
      await until(() => printed() !== "", 15_000); // or both would be one piece
      socket.end(`${got}\n`);
    });
    await using cli = talking("hello", "-x", late.name);
    printed = () => cli.stdout();
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("0123456789abcdefhello\n");
    const lines = cli.stderr().split("\n");
    expect(lines[0]).toMatch(/^> \d\d:\d\d:\d\d\.\d{3} 5 bytes$/);
    expect(lines[1]).toBe(
      "> 00000000  68 65 6c 6c 6f                                    |hello|",
    );
    expect(lines[3]).toBe(
      "< 00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
    );
    expect(lines[5]).toBe(
      "< 00000010  68 65 6c 6c 6f 0a                                 |hello.|",
    );
  });

  it("-v says which addresses were tried, and how long each took", async () => {
    await using six = await echoPeer("::1");
    await using cli = talking("", "-v", `localhost:${six.port}`);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stderr()).toMatch(
      /trying 127\.0\.0\.1:\d+\n.*ECONNREFUSED.*, after [\d.]+ [mu]s\n.*trying \[::1\]:\d+\n.*connected to \[::1\]:\d+ after [\d.]+ [mu]s\n$/,
    );
  });

  it("is ended by a reset just after connecting with exit 5, not 3", async () => {
    using listener = Socket.listen({ host: "127.0.0.1" });
    await using cli = spawnCli(["client", `127.0.0.1:${listener.port}`], { stdin: "pipe" });
    let accepted: Socket | null = null;
    await until(() => (accepted = listener.accept()) !== null, 15_000);
    accepted!.setLinger(0);
    accepted!.close();
    expect((await cli.exit).code).toBe(5);
    expect(cli.stderr()).toMatch(/^iomux: Cannot receive from .*: ECONNRESET \(/);
  });

  it("cannot reach an interface that there is not: exit 3", async () => {
    await using cli = client("fe80::1%nosuch", "80");
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toContain("nosuch");
  });

  it("has nothing to do with IOMUX_SELECTOR", async () => {
    await using echo = await echoPeer();
    const env = { IOMUX_SELECTOR: "bogus" };
    await using cli = spawnCli(["client", echo.name], { stdin: "hello", env });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([0, "hello"]);
  });

  it("takes what was typed rather than a variable that excludes it", async () => {
    await using six = await echoPeer("::1");
    const cases: [env: Record<string, string>, ...args: string[]][] = [
      [{ IOMUX_CLIENT_IPV4: "1" }, "-6", `localhost:${six.port}`],
      [{ IOMUX_CLIENT_IPV4: "1" }, "-s", "::1", `localhost:${six.port}`],
      [{ IOMUX_CLIENT_SOURCE: "127.0.0.1" }, "-6", `localhost:${six.port}`],
      [{ IOMUX_CLIENT_SCAN: "1" }, "-x", `[::1]:${six.port}`],
    ];
    for (const [env, ...args] of cases) {
      await using cli = spawnCli(["client", ...args], { stdin: "six", env });
      expect([args, (await cli.exit).code]).toEqual([args, 0]);
      expect(cli.stdout()).toBe("six");
    }
    using folder = new TempDir();
    const path = folder.file("s");
    await using _local = await echoPeer(path);
    const listens = { IOMUX_CLIENT_LISTEN: "127.0.0.1:0", IOMUX_CLIENT_KEEP_LISTENING: "1" };
    for (const target of [[`[::1]:${six.port}`], ["::1", `${six.port}`], ["-U", path], [path]]) {
      await using cli = spawnCli(["client", ...target], { stdin: "sent", env: listens });
      expect([target, (await cli.exit).code, cli.stdout()]).toEqual([target, 0, "sent"]);
    }
    await using cli = spawnCli(["client", "--recv-only", `[::1]:${six.port}`, "-i", "300ms"], {
      ...{ stdin: "six", env: { IOMUX_CLIENT_SEND_ONLY: "1" } },
    });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([4, ""]);
  });

  it("names the variable of an option that it refuses", async () => {
    const cases: [env: Record<string, string>, line: string, message: RegExp][] = [
      [
        { IOMUX_CLIENT_IPV4: "1", IOMUX_CLIENT_IPV6: "1" },
        "localhost:1",
        /'--ipv4' is from IOMUX_CLIENT_IPV4; '--ipv6' is from IOMUX_CLIENT_IPV6$/m,
      ],
      [
        { IOMUX_CLIENT_LISTEN: "80", IOMUX_CLIENT_TLS: "1" },
        "",
        /need '--tls-cert'.*; '--listen' is from IOMUX_CLIENT_LISTEN; '--tls' is from IOMUX_CLIENT_TLS$/m,
      ],
      [
        { IOMUX_CLIENT_LISTEN: "x.sock" },
        "",
        /no port.*; '--listen' is from IOMUX_CLIENT_LISTEN$/m,
      ],
      [
        { IOMUX_CLIENT_TLS_CERT: "c" },
        "--tls 127.0.0.1:1",
        /'--tls-key' as well; '--tls-cert' is from IOMUX_CLIENT_TLS_CERT$/m,
      ],
    ];
    const said = await refusals(
      cases.map(([env, line]) => ({ args: ["client", ...line.split(" ").filter(Boolean)], env })),
    );
    for (const [i, [, line, message]] of cases.entries()) {
      expect(`${line}: ${said[i]}`).toMatch(message);
    }
  });

  it("says what is wrong with its options, and starts nothing", async () => {
    const cases: [line: string, message: RegExp][] = [
      ["-N 127.0.0.1:1", /-N.*OpenBSD.*--no-half-close/],
      [`--unix ${"a".repeat(108)}`, /1 to 107 bytes/],
      ["-4 -6 127.0.0.1:1", /'--ipv4' and '--ipv6' exclude each other/],
      ["-k 127.0.0.1:1", /'--keep-listening' needs '--listen'/],
      ["-l", /option '--listen' needs a port: -l \[HOST:\]PORT/],
      ["-lk", /needs a port/],
      ["-l -p 9000", /use -l PORT/],
      ["-lp 9000", /use -l PORT/],
      ["-l 9000 -U s", /there is no other target/],
      ["-lU ./s 9000", /there is no other target/],
      ["-l ./s 9000", /there is no other target/],
      ["-l 127.0.0.1", /Invalid address "127.0.0.1"/],
      ["-l s.sock", /"s.sock" is no port; a Unix socket is -l -U s.sock/],
      [`-l ./${"a".repeat(108)}`, /1 to 107 bytes/],
      ["-p 9000 -l 9000", /use -l PORT/],
      ["-l 9000 -z 127.0.0.1:1", /exclude each other/],
      ["-s nonsense 127.0.0.1:1", /source.*nonsense/],
      ["-6 -s 127.0.0.1 localhost:1", /'--source' and '--ipv6' exclude each other: .* is IPv4/],
      ["-4 -z -s ::1 localhost 1", /'--source' and '--ipv4' exclude each other: ::1 is IPv6/],
      ["-z 127.0.0.1:9-1", /ends before it begins/],
      ["-w 5 127.0.0.1:1", /unit/],
      ["-l 0 --tls-cert c --tls-key k", /option '--tls-cert' needs '--tls'/],
      ["-l 0 --tls-key k", /option '--tls-key' needs '--tls'/],
      ["-l 0 --tls --tls-cert c", /option '--tls-cert' needs '--tls-key' as well/],
      ["-l 0 --tls-insecure", /exclude each other/],
      ["-l ./s --tls-cert c --tls-key k", /option '--tls-cert' needs '--tls'/],
      ["-n 127.0.0.1 1", /-n.*a name is resolved/],
      ["-d 127.0.0.1 1", /-d.*--recv-only/],
      ["--recv-only -q 1s 127.0.0.1:1", /'--recv-only' and '--quit-after' exclude each other/],
      ["-z -i 1s 127.0.0.1:1", /'--scan' and '--idle-timeout' exclude each other/],
      ["-z -q 1s 127.0.0.1:1", /'--scan' and '--quit-after' exclude each other/],
      ["-z --grace 1s 127.0.0.1:1", /'--scan' and '--grace' exclude each other/],
      ["-z --no-half-close 127.0.0.1:1", /'--scan' and '--no-half-close' exclude each other/],
      ["--recv-only --grace 1s 127.0.0.1:1", /'--recv-only' and '--grace' exclude each other/],
      ["-nvz 127.0.0.1 1", /option '-n' in '-nvz': it is not needed: an address/],
      ["-vnz 127.0.0.1 1", /option '-n' in '-nz': it is not needed: an address/],
      [`./${"a".repeat(108)}`, /the target: .*1 to 107 bytes/],
      ["./s 80", /"\.\/s" is the path of a Unix socket, which has no port/],
      ["--script - 127.0.0.1:1", /option '--script' needs a file: .*stdin/],
      ["-l 0 -w 1s", /options '--listen' and '--connect-timeout' need '--tls' as well/],
      ["-z 127.0.0.1 1 --tls-insecure", /option '--tls-insecure' needs '--tls'/],
      ["--udp 127.0.0.1:1 --tls-ca c", /option '--tls-ca' needs '--tls'/],
    ];
    const said = await refusals(cases.map(([line]) => ({ args: ["client", ...line.split(" ")] })));
    for (const [i, [line, message]] of cases.entries()) {
      expect(`${line}: ${said[i]}`).toMatch(message);
    }
  });
});

describe("iomux client -l", () => {
  /** Once it listens: a port that the system has chosen. */
  async function listening(...args: string[]): Promise<Cli & { port: string }> {
    const cli = spawnCli(["client", "-l", "127.0.0.1:0", ...args], { stdin: "pipe" });
    const [, port] = await cli.says(/listening on 127\.0\.0\.1:(\d+)/);
    return Object.assign(cli, { port: port! });
  }

  it("accepts one connection, and is then a client", async () => {
    await using listener = await listening();
    await using other = talking("a file\n", "127.0.0.1", listener.port);
    await listener.says(/a file\n/, "stdout");
    listener.child.stdin!.end("its answer\n");
    expect((await other.exit).code).toBe(0);
    expect(other.stdout()).toBe("its answer\n");
    expect((await listener.exit).code).toBe(0);
    await using late = client("127.0.0.1", listener.port);
    expect((await late.exit).code).toBe(3);
  });

  it("listens on every address of a name, on one port", async () => {
    const listener = spawnCli(["client", "-kl", "localhost:0"], { stdin: "pipe" });
    await using _ = listener;
    const [, four] = await listener.says(/listening on 127\.0\.0\.1:(\d+)/);
    const [, six] = await listener.says(/listening on \[::1\]:(\d+)/);
    expect(six).toBe(four);
    for (const host of ["127.0.0.1", "::1"]) {
      await using other = talking(`by ${host}`, host, four!);
      expect((await other.exit).code).toBe(0);
      await listener.says(new RegExp(`by ${host}`), "stdout");
    }
  });

  it("with -4 or -6 listens on addresses of one family only", async () => {
    await using listener = spawnCli(["client", "-6", "-l", "localhost:0"], { stdin: "pipe" });
    const [, port] = await listener.says(/listening on \[::1\]:(\d+)/);
    await using other = client("127.0.0.1", port!);
    expect((await other.exit).code).toBe(3);
    expect(listener.stderr()).not.toContain("127.0.0.1");
  });

  it("with -k takes one after the other, until a signal", async () => {
    await using listener = await listening("-k");
    for (const word of ["one ", "two ", "three "]) {
      await using other = talking(word, "127.0.0.1", listener.port);
      expect((await other.exit).code).toBe(0);
      await listener.says(new RegExp(word), "stdout");
    }
    expect(listener.stdout()).toBe("one two three ");
    listener.kill("SIGINT");
    expect((await listener.exit).code).toBe(130);
  });

  it("with -k ends when stdout's reader has gone: exit 141", async () => {
    const line = '{ "$@" </dev/null; echo "exit $?" >&2; } | true';
    await using listener = shellClient(line, ["-k", "-l", "127.0.0.1:0"]);
    const port = () => /listening on 127\.0\.0\.1:(\d+)/.exec(listener.stderr)?.[1];
    await until(() => port() !== undefined, 15_000);
    await using _ = talking("words", "127.0.0.1", port()!);
    expect(await until(() => listener.stderr.includes("exit 141\n"), 15_000)).toBe(true);
  });

  it("listens on a Unix socket, whose file it removes, however it is written", async () => {
    using folder = new TempDir();
    const path = folder.file("s");
    for (const words of [["-vl", path], ["-v", "-l", "-U", path], ["-vlU", path], ["-Us", "-lv"]]) {
      const cwd = folder.file("");
      await using listener = spawnCli(["client", ...words], { stdin: "pipe", cwd });
      await listener.says(/listening on unix:/);
      await using other = talking("local", "-U", path);
      expect((await other.exit).code).toBe(0);
      expect((await listener.exit).code).toBe(0);
      expect(listener.stdout()).toBe("local");
      expect(existsSync(path)).toBe(false);
    }
  });

  it("replaces the file of a socket that nobody listens on, and nothing else", async () => {
    using folder = new TempDir();
    const path = folder.file("s");
    Socket.listen({ path }).close();
    // Without -k: a connection that only asks who is there would be the one that is waited for.
    await using listener = spawnCli(["client", "-vl", path], { stdin: "pipe" });
    await listener.says(/listening on unix:/);
    await using second = client("-l", path);
    expect((await second.exit).code).toBe(3);
    expect(second.stderr()).toMatch(/Cannot bind unix:.*, where a server is listening: EADDRINUSE/);
    await using other = talking("still there", "-U", path);
    expect((await other.exit).code).toBe(0);
    expect([(await listener.exit).code, listener.stdout()]).toEqual([0, "still there"]);
    writeFileSync(folder.file("text"), "kept");
    await using third = client("-l", folder.file("text"));
    expect((await third.exit).code).toBe(3);
    expect(readFileSync(folder.file("text"), "utf8")).toBe("kept");
  });

  it("takes other switches before and behind, and the port as a word of its own", async () => {
    for (const words of [["-lkv"], ["-kvl"], ["-l", "-k", "-v"], ["-vk", "--listen"]]) {
      await using listener = spawnCli(["client", ...words, "127.0.0.1", "0"], { stdin: "pipe" });
      await listener.says(/listening on 127\.0\.0\.1:/);
    }
    const port = getAvailablePort();
    await using joined = spawnCli(["client", `-kvl${port}`], { stdin: "pipe" });
    await joined.says(new RegExp(`listening on 0\\.0\\.0\\.0:${port}\n`));
    for (const word of [":0", "*:0"]) {
      await using every = spawnCli(["client", "-l", word], { stdin: "pipe" });
      await every.says(/listening on 0\.0\.0\.0:/);
    }
    await using six = spawnCli(["client", "-vl6", "0"], { stdin: "pipe" });
    await six.says(/listening on \[::\]:/);
  });

  it("cannot have a port that is taken: exit 3", async () => {
    using taken = Socket.listen({ host: "127.0.0.1" });
    await using cli = client("-l", `127.0.0.1:${taken.port}`);
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toMatch(/EADDRINUSE/);
  });
});

describe("iomux client --scan", () => {
  it("prints the open ports of a list, and counts the others", async () => {
    await using echo = await echoPeer();
    const closed = getAvailablePort();
    await using cli = client("-z", "-v", "127.0.0.1", `${echo.port},${closed}`);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toMatch(new RegExp(`^127\\.0\\.0\\.1:${echo.port} open.*\n$`));
    expect(cli.stderr()).toContain(`127.0.0.1:${closed} refused`);
    expect(cli.stderr()).toContain("1 open, 1 refused, 0 filtered of 2");
  });

  it("tells a port that is silent from one that refuses: exit 4 and 3", async () => {
    await using full = await new FullBacklog().fill();
    await using silent = client("-z", "-w", "300ms", `127.0.0.1:${full.port}`);
    expect((await silent.exit).code).toBe(4);
    expect(silent.stderr()).toContain("0 open, 0 refused, 1 filtered of 1");
    await using refused = client("-z", `127.0.0.1:${getAvailablePort()}`);
    expect((await refused.exit).code).toBe(3);
  });

  itUnless(NO_NAMESPACE, "counts a port to which a route drops all as filtered", async () => {
    const drop = "ip link set lo up; ip route add blackhole 127.8.0.0/16 table local";
    const [command, args] = inNamespace(
      `${drop}; "$@" client -v -z 127.8.0.1 80-81; echo "exit $?"`,
    );
    const { stdout, stderr } = await promisify(execFile)(command, args);
    expect(stdout).toBe("exit 4\n");
    expect(stderr).toMatch(/127\.8\.0\.1:80 filtered.*\n.*127\.8\.0\.1:81 filtered/);
    expect(stderr).toContain("0 open, 0 refused, 2 filtered of 2");
  });

  it("names a source that can't be had, as a connection does", async () => {
    await using echo = await echoPeer();
    for (const options of [["-z"], []]) {
      await using cli = client(...options, "-s", "192.0.2.1:7", echo.name);
      expect((await cli.exit).code).toBe(3);
      expect(cli.stderr()).toMatch(/^iomux: Cannot bind 192\.0\.2\.1:7: EADDRNOTAVAIL \(/);
    }
  });

  it("from one port of a source tries all, and again at once: no TIME_WAIT is left", async () => {
    await using a = await echoPeer();
    await using b = await echoPeer();
    const [closed, from] = Array.from({ length: 2 }, () => getAvailablePort());
    const ports = `${a.port},${closed},${b.port}`;
    for (let i = 0; i < 2; i++) {
      await using cli = client("-z", "-s", `127.0.0.7:${from}`, "127.0.0.1", ports);
      expect((await cli.exit).code).toBe(0);
      expect(cli.stderr()).toContain("2 open, 1 refused, 0 filtered of 3");
    }
  });

  it("from a port whose connection a minute has not passed since goes on", async () => {
    await using a = await peer((socket) => void socket.on("data", () => socket.end()));
    await using b = await echoPeer();
    const from = `127.0.0.7:${getAvailablePort()}`;
    // The one that ends first keeps the port in TIME_WAIT.
    await using first = talking("x", "-s", from, "-q", "0ms", b.name);
    expect((await first.exit).code).toBe(0);
    await using cli = client("-z", "-s", from, "127.0.0.1", `${a.port},${b.port}`);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toContain(`127.0.0.1:${a.port} open`);
    await using second = talking("x", "-s", from, a.name);
    expect((await second.exit).code).toBe(0);
  });

  it("tries all ports of this machine, with few descriptors", async () => {
    await using echo = await echoPeer();
    const cli = spawnCli(["client", "-z", "127.0.0.1", "1-65535"], { openFiles: 100 });
    await using _ = cli;
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toContain(`127.0.0.1:${echo.port} open`);
    expect(cli.stderr()).toMatch(/of 65,535 on 127\.0\.0\.1/);
  });
});
