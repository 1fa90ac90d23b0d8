// What the client makes of the bytes: -C and -x.
import { describe, expect, it } from "bun:test";
import { type Cli, spawnCli } from "../support/cli.ts";
import { until } from "../support/waiting.ts";
import { echoPeer, everything, peer } from "./peers.ts";

const talking = (stdin: string, ...args: string[]): Cli => spawnCli(["client", ...args], { stdin });

describe("iomux client shows and changes bytes", () => {
  it("-C sends line feeds as CR LF, and CR LF as it is", async () => {
    await using echo = await echoPeer();
    await using cli = talking("a\nb\r\nc\n\n", "-C", echo.name);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("a\r\nb\r\nc\r\n\r\n");
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
});
