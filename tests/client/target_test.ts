// Whom the client connects to, and from where.
import { describe, expect, it } from "bun:test";
import { getAvailablePort, Socket } from "../../lib/net/mod.ts";
import { type Cli, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { until } from "../support/waiting.ts";
import { echoPeer, peer } from "./peers.ts";

const client = (...args: string[]): Cli => spawnCli(["client", ...args]);
const talking = (stdin: string, ...args: string[]): Cli => spawnCli(["client", ...args], { stdin });

describe("iomux client and its target", () => {
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
});
