// iomux client --scan: which ports are open.
import { describe, expect, it } from "bun:test";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { getAvailablePort, Socket } from "../../lib/net/mod.ts";
import { type Cli, spawnCli } from "../support/cli.ts";
import { inNamespace, NO_NAMESPACE } from "../support/namespaces.ts";
import { itUnless } from "../support/systems.ts";
import { echoPeer, FullBacklog, peer } from "./peers.ts";

const client = (...args: string[]): Cli => spawnCli(["client", ...args]);
const talking = (stdin: string, ...args: string[]): Cli => spawnCli(["client", ...args], { stdin });

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
    const host = "127.77.0.1"; // at 127.0.0.1 it would be a client of every test that runs beside this one
    using open = Socket.listen({ host, port: 0 });
    const cli = spawnCli(["client", "-z", host, "1-65535"], { openFiles: 100 });
    await using _ = cli;
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toContain(`${host}:${open.port} open`);
    expect(cli.stderr()).toMatch(/of 65,535 on 127\.77\.0\.1/);
  });
});
