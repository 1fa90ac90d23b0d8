// Socket activation as sd_listen_fds(3) describes it: sockets that somebody else has opened.
import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { getAvailablePort } from "../../lib/net/mod.ts";
import { cliCommand, RunningServer, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { exchange } from "../support/peers.ts";
import { commandFor } from "../support/programs.ts";

/** Starts `iomux serve ARGS` with sockets on the addresses; see programs/activate.ts. */
function activated(addresses: string[], args: string[] = []): RunningServer {
  const [command, all] = cliCommand(["serve", ...args]);
  const through = commandFor("activate.ts", [...addresses, "--", command, ...all]);
  return new RunningServer([], { through });
}

const text = async (...to: Parameters<typeof exchange>) =>
  new TextDecoder().decode(await exchange(...to));

describe("serve with LISTEN_FDS", () => {
  for (const workers of [1, 2]) {
    it(`two sockets, ${workers} worker(s): serves both, a ready line for each, and leaves the file`, async () => {
      using folder = new TempDir();
      const path = folder.file("socket");
      const port = getAvailablePort();
      await using server = activated([`${port}`, path], ["--workers", `${workers}`, "--stats"]);
      await server.says(/^listening on .*\nlistening on .*\n/, "stdout", 20_000);
      expect(server.stdout()).toBe(`listening on 127.0.0.1:${port}\nlistening on unix:${path}\n`);
      for (let i = 0; i < 10; i++) {
        expect(await text({ port }, "tcp")).toBe("tcp");
        expect(await text({ path }, "unix")).toBe("unix");
      }
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      expect(server.lastStats().accepted).toBe(20);
      expect(existsSync(path)).toBe(true); // it belongs to whoever made it
    });
  }

  it("an abstract name is said in the ready line", async () => {
    if (process.platform !== "linux") return;
    const path = `@iomux-activated-${process.pid}`;
    await using server = activated([path]);
    await server.says(/\n/, "stdout");
    expect(server.stdout()).toBe(`listening on unix:${path}\n`);
    expect(await text({ path }, "hello")).toBe("hello");
    expect((await server.stop()).code).toBe(0);
  });

  it("a descriptor that is no listening socket: exit 3, one line names it", async () => {
    await using server = activated([`${getAvailablePort()}`, "file"]);
    expect((await server.exit).code).toBe(3);
    expect(server.stdout()).toBe("");
    expect(server.stderr()).toMatch(/^iomux: Cannot listen on descriptor 4 of LISTEN_FDS.*\n$/);
  });

  it("LISTEN_PID of another process: the sockets are not ours", async () => {
    await using server = await startServe([], { env: { LISTEN_PID: "1", LISTEN_FDS: "2" } });
    expect(server.stdout()).toBe(`listening on 127.0.0.1:${server.port}\n`);
    expect(await text(server, "hello")).toBe("hello");
  });
});
