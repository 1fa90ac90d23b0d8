// What scripts and scans do when standard output takes no more: as a session does.
import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { TempDir } from "../support/files.ts";
import { echoPeer, FullBacklog, peer, shellClient } from "./peers.ts";

const INTO_TRUE = '{ "$@"; echo "exit $?" >&2; } | true';
const FULL = "iomux: Cannot write to stdout: ENOSPC (no space left on device)\n";

describe("iomux client --script", () => {
  /** Runs a script by a line of the shell, to its end. */
  async function script(line: string, steps: string, target: string) {
    using folder = new TempDir();
    writeFileSync(folder.file("steps"), steps);
    await using client = shellClient(line, ["--script", folder.file("steps"), target]);
    return { code: await client.exit, stderr: client.stderr };
  }

  for (const step of ["sleep 1h", "expect end 1h"]) {
    it(`ends when stdout's reader has gone, in "${step}": exit 141`, async () => {
      await using silent = await peer(() => {});
      const { stderr } = await script(INTO_TRUE, `${step}\n`, silent.name);
      expect(stderr).toBe("exit 141\n");
    });
  }

  it("says that stdout is full as a session does: exit 1", async () => {
    await using brief = await peer((socket) => void socket.end("words"));
    const line = 'exec "$@" >/dev/full';
    expect(await script(line, 'expect "words"\n', brief.name)).toEqual({ code: 1, stderr: FULL });
  });

  it("prints all to a reader that is slow", async () => {
    const size = 1_000_000;
    await using big = await peer((socket) => void socket.end(Buffer.alloc(size, "x")));
    const { code, stderr } = await script(
      '"$@" | { sleep 1; wc -c >&2; }',
      "expect end 1h\n",
      big.name,
    );
    expect([code, Number(stderr)]).toEqual([0, size]);
  });
});

describe("iomux client --scan", () => {
  it("ends when stdout's reader has gone, and a port is silent: exit 141", async () => {
    await using full = await new FullBacklog().fill();
    const client = shellClient(INTO_TRUE, ["-z", "-w", "1h", "127.0.0.1", `${full.port}`]);
    await using _ = client;
    await client.exit;
    expect(client.stderr).toBe("exit 141\n");
  });

  it("ends when stdout's reader has gone, and all ports answer at once: exit 141", async () => {
    await using echo = await echoPeer();
    const client = shellClient(INTO_TRUE, ["-z", "127.0.0.1", `1-3000,${echo.port}`]);
    await using _ = client;
    await client.exit;
    expect(client.stderr).toBe("exit 141\n");
  });

  it("says that stdout is full as a session does: exit 1", async () => {
    await using echo = await echoPeer();
    await using client = shellClient('exec "$@" >/dev/full', ["-z", echo.name]);
    expect(await client.exit).toBe(1);
    expect(client.stderr).toBe(FULL);
  });
});
