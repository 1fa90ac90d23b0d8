// The client's session: what ends it, and that every byte arrives on the way.
import { describe, expect, it } from "bun:test";
import { spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { Socket } from "../../lib/net/mod.ts";
import { POLLIN } from "../../lib/sys/constants.ts";
import { pollFor } from "../../lib/sys/poll.ts";
import { sleep, until } from "../support/waiting.ts";
import { echoPeer, everything, peer } from "./peers.ts";

describe("iomux client: a Unix socket", () => {
  it("is reset by a peer that closes with unread input: exit 5", async () => {
    using folder = new TempDir();
    const path = folder.file("s");
    using listener = Socket.listen({ path });
    await using cli = spawnCli(["client", "-U", path], { stdin: "pipe" });
    cli.child.stdin!.write("never read");
    let accepted: Socket | null = null;
    await until(() => (accepted = listener.accept()) !== null, 15_000);
    const unread = () => pollFor(accepted!.fileno(), POLLIN, 0) > 0;
    expect(await until(unread, 15_000)).toBe(true);
    accepted!.close();
    expect((await cli.exit).code).toBe(5);
    expect(cli.stderr()).toContain("ECONNRESET");
  });
});

describe("iomux client: the end of stdin", () => {
  it("is a FIN for the peer, which may still answer", async () => {
    await using late = await peer(async (socket) => {
      const got = await everything(socket);
      await sleep(200);
      socket.end(`got ${got}`);
    });
    await using cli = spawnCli(["client", late.name], { stdin: "hello" });
    expect(await cli.exit).toEqual({ code: 0, signal: null });
    expect(cli.stdout()).toBe("got hello");
    expect(cli.stderr()).toBe("");
  });

  it("may come at once", async () => {
    await using late = await peer(async (socket) => {
      await everything(socket);
      socket.end("nothing came");
    });
    await using cli = spawnCli(["client", late.name]);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("nothing came");
  });

  it("does not come before stdin has ended", async () => {
    await using echo = await echoPeer();
    await using cli = spawnCli(["client", echo.name], { stdin: "pipe" });
    let ended = false;
    (await echo.connection).on("end", () => ended = true);
    cli.child.stdin!.write("one");
    await cli.says(/one/, "stdout");
    await sleep(300);
    cli.child.stdin!.write("two");
    await cli.says(/onetwo/, "stdout");
    expect(ended).toBe(false);
    cli.child.stdin!.end();
    expect((await cli.exit).code).toBe(0);
    expect(ended).toBe(true);
  });
});

describe("iomux client: the end of the peer", () => {
  it("ends it, also while stdin is still open", async () => {
    await using brief = await peer((socket) => void socket.end("that was all"));
    await using cli = spawnCli(["client", brief.name], { stdin: "pipe" });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("that was all");
    expect(cli.stderr()).toBe("");
  });

  it("does not lose what was sent before it", async () => {
    const bytes = Buffer.alloc(5_000_000, "0123456789\n");
    await using brief = await peer((socket) => void socket.end(bytes));
    await using cli = spawnCli(["client", brief.name], { stdin: "pipe" });
    expect((await cli.exit).code).toBe(0);
    expect(Buffer.compare(cli.stdoutBytes(), bytes)).toBe(0);
  });

  it("by a reset is exit 5, in one line", async () => {
    await using rude = await peer((socket) =>
      void socket.once("data", () => {
        socket.resetAndDestroy();
      })
    );
    await using cli = spawnCli(["client", rude.name], { stdin: "pipe" });
    cli.child.stdin!.write("hello");
    expect((await cli.exit).code).toBe(5);
    expect(cli.stderr()).toMatch(/^iomux: .*ECONNRESET.*\n$/);
    expect(cli.stdout()).toBe("");
  });

  it("by a reset just when stdin ends is exit 5 as well, never 1", async () => {
    for (let round = 0; round < 5; round++) {
      await using rude = await peer((socket) =>
        void socket.once("data", () => {
          socket.resetAndDestroy();
        })
      );
      await using cli = spawnCli(["client", rude.name], { stdin: "hello" });
      const { code } = await cli.exit;
      expect({ code, stderr: cli.stderr().includes("ECONNRESET") }).toEqual({
        code: 5,
        stderr: true,
      });
    }
  });

  it("in the middle of an upload: its last words are printed", async () => {
    const words = Buffer.alloc(50_000, "no more, please. ");
    for (const delay of [0, 0, 0, 1, 5, 50]) {
      await using full = await peer((socket) =>
        void socket.once("data", () => {
          socket.pause(); // unread input makes the kernel reset, after the words
          socket.end(words, () => setTimeout(() => socket.destroy(), delay));
        })
      );
      await using cli = spawnCli(["client", full.name], { stdin: Buffer.alloc(10_000_000, "x") });
      const { code } = await cli.exit;
      expect(Buffer.compare(cli.stdoutBytes(), words)).toBe(0);
      expect(code === 0 || code === 5).toBe(true); // whether FIN or RST is seen first
    }
  });
});

describe("iomux client reaches", () => {
  it("HOST PORT", async () => {
    await using echo = await echoPeer();
    await using cli = spawnCli(["client", "127.0.0.1", `${echo.port}`], { stdin: "apart" });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("apart");
  });

  it("a host name", async () => {
    await using echo = await echoPeer();
    await using cli = spawnCli(["client", `localhost:${echo.port}`], { stdin: "by name" });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("by name");
  });

  it("the second address of a name when the first one refuses", async () => {
    await using echo = await echoPeer("::1");
    await using cli = spawnCli(["client", `localhost:${echo.port}`], { stdin: "second" });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("second");
  });

  it("[IPv6]:PORT and IPv6 PORT", async () => {
    await using echo = await echoPeer("::1");
    for (const target of [[`[::1]:${echo.port}`], ["::1", `${echo.port}`]]) {
      await using cli = spawnCli(["client", ...target], { stdin: "six" });
      expect((await cli.exit).code).toBe(0);
      expect(cli.stdout()).toBe("six");
    }
  });

  it("a Unix socket", async () => {
    using folder = new TempDir();
    await using echo = await echoPeer(folder.file("socket"));
    await using cli = spawnCli(["client", "--unix", folder.file("socket")], { stdin: "local" });
    await echo.connection;
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("local");
  });

  it("what IOMUX_CLIENT_UNIX names", async () => {
    using folder = new TempDir();
    await using _echo = await echoPeer(folder.file("socket"));
    const env = { IOMUX_CLIENT_UNIX: folder.file("socket") };
    await using cli = spawnCli(["client"], { stdin: "from the environment", env });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("from the environment");
  });

  it("what stands on the command line, rather than what IOMUX_CLIENT_UNIX names", async () => {
    await using echo = await echoPeer();
    const env = { IOMUX_CLIENT_UNIX: "/nonexistent/socket" };
    await using cli = spawnCli(["client", `127.0.0.1:${echo.port}`], { stdin: "here", env });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([0, "here"]);
  });
});
