// `iomux serve` and `iomux stress` on the engine over io_uring, where the system has it.
import { describe, expect, it } from "bun:test";
import { engineMissing } from "../../lib/engine/mod.ts";
import { spawnCli, startServe } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { itUnless } from "../support/systems.ts";

const missing = engineMissing("uring");
const ENGINE = ["--engine", "uring"];

async function load(target: string[], ...args: string[]): Promise<any> {
  await using cli = spawnCli([
    ...["stress", ...target, "--client-engine", "uring", "--json", "-c", "10", ...args],
  ]);
  const { code } = await cli.exit;
  if (code !== 0) throw new Error(`exit ${code}: ${cli.stderr()}`);
  return JSON.parse(cli.stdout());
}

describe("serve and stress on io_uring", () => {
  const loads: [string, string[]][] = [
    ["small messages, several in flight", ["-n", "5000", "--pipeline", "4"]],
    ["more messages than the 16 bits of its ring of buffers count", ["-n", "70000"]],
    ["messages of 100 KB", ["-n", "200", "-s", "100KB"]],
    ["a new connection for every 5 messages", ["-n", "500", "--messages-per-connection", "5"]],
  ];
  for (const [name, args] of loads) {
    itUnless(
      missing,
      `${name}: every byte is verified, and the server counts them all`,
      async () => {
        await using server = await startServe(ENGINE);
        const result = await load([server.name], ...args);
        expect(result.messages.verified).toBe(Number(args[1]));
        expect(result.errors).toEqual({});
        const stats = await server.statsWhen(({ active }) => active === 0);
        expect(stats.selector).toBe("uring");
        expect(stats.errors).toEqual({});
        expect([stats.bytes_in, stats.bytes_out]).toEqual([
          result.bytes.sent,
          result.bytes.received,
        ]);
      },
    );
  }

  itUnless(missing, "a Unix socket: every byte is verified", async () => {
    using folder = new TempDir();
    const path = folder.file("socket");
    await using _ = await startServe(["--unix", path, ...ENGINE]);
    const result = await load(["--unix", path], "-n", "300", "-s", "50KB", "--pipeline", "3");
    expect(result.messages.verified).toBe(300);
  });

  itUnless(
    missing,
    "a handoff: each connection goes to a program, and every byte is verified",
    async () => {
      await using server = await startServe(["-H", "127.0.0.1", "--exec", "cat", ...ENGINE]);
      const result = await load([server.name], "-n", "100");
      expect(result.messages.verified).toBe(100);
      expect((await server.stats()).handoffs).toBeGreaterThanOrEqual(10);
    },
  );

  it("is refused with a selector, and with --trace, which shows readiness: exit 2", async () => {
    for (const args of [["--selector", "epoll"], ["--trace"]]) {
      await using cli = spawnCli(["serve", "-H", "127.0.0.1", "-p", "0", ...ENGINE, ...args]);
      expect((await cli.exit).code).toBe(2);
      expect(cli.stderr()).toMatch(/^iomux: option '--engine uring': io_uring .*\n$/);
    }
  });
});
