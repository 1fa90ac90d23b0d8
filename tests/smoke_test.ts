// One short run of each command on the runtime that runs the test. What the commands do in detail is
// tested once, on Bun; here is seen that each of them starts, works and ends on all of the runtimes.
import { describe, expect, it } from "bun:test";
import { cliCommand, type CliOptions, spawnCli, startServe } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";
import { itUnless } from "./support/systems.ts";
import { Certificates, NO_OPENSSL } from "./tls/certificates.ts";

/** Why native calls can't be refused here. */
const ALWAYS_CALLS = process.versions.bun ? "Bun allows native calls always" : undefined;

const NO_FULL = process.platform === "linux" ? undefined : "only Linux has /dev/full";

/** Runs the command to its end and fails with what it said unless it exits 0. */
async function stdoutOf(args: string[], options: CliOptions = {}): Promise<string> {
  await using cli = spawnCli(args, options);
  const { code } = await cli.exit;
  if (code === 0) return cli.stdout();
  throw new Error(`iomux ${args.join(" ")}: exit ${code}\n${cli.stdout()}${cli.stderr()}`);
}

describe("each command", () => {
  it("info: lists what this runtime can wait with", async () => {
    const { selectors } = JSON.parse(await stdoutOf(["info", "--json"]));
    expect(selectors.some(({ available }: { available: boolean }) => available)).toBe(true);
  });

  itUnless(
    ALWAYS_CALLS,
    "info: says why nothing can be waited with where native calls are refused",
    async () => {
      const read = ["--no-prompt", "--allow-read", "--allow-env", "--allow-sys"];
      const refused = { denoFlags: read, env: { NODE_OPTIONS: "--no-experimental-ffi" } };
      const { selectors, engines, limits } = JSON.parse(
        await stdoutOf(["info", "--json"], refused),
      );
      expect(selectors.length).toBe(5);
      for (const { available, reason } of [...selectors, ...engines]) {
        expect(available).toBe(false);
        expect(reason).toMatch(/ffi/i);
      }
      expect(limits.open_files).toBe(null);
      const advice = await stdoutOf(["info", "--connections", "1m"], refused);
      expect(advice).toContain("For 1,000,000 connections");
    },
  );

  itUnless(NO_FULL, "info: a full disk is said in the words of every runtime", async () => {
    const [command, args] = cliCommand(["info"]);
    const through: CliOptions["through"] = [
      "sh",
      ["-c", 'exec "$@" >/dev/full', "sh", command, ...args],
    ];
    await using cli = spawnCli([], { through });
    expect([(await cli.exit).code, cli.stderr()])
      .toEqual([1, "iomux: Cannot write to stdout: ENOSPC (no space left on device)\n"]);
  });

  it("serve, client, stress: bytes there and back, and a drain on SIGTERM", async () => {
    await using server = await startServe(["--service", "upper"]);
    expect(await stdoutOf(["client", server.name], { stdin: "hello\n" })).toBe("HELLO\n");

    const load = ["-c", "5", "-n", "200", "--expect", "upper", "--json"];
    const { messages } = JSON.parse(await stdoutOf(["stress", server.name, ...load]));
    expect(messages.verified).toBeGreaterThanOrEqual(200);
    expect(messages).toMatchObject({ mismatched: 0, lost: 0 });

    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  itUnless(NO_OPENSSL, "serve, stress: the same within TLS", async () => {
    using certificates = new Certificates();
    const { cert, key } = certificates.identity();
    await using server = await startServe(["--tls-cert", cert, "--tls-key", key]);
    const tls = ["--tls", "--tls-ca", certificates.ca];
    const load = ["-c", "3", "-n", "100", "-s", "20KiB", "--json"];
    const { messages } = JSON.parse(await stdoutOf(["stress", server.name, ...tls, ...load]));
    expect(messages.verified).toBeGreaterThanOrEqual(100);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  it("probe: what a server does of clients that misbehave", async () => {
    const output = await stdoutOf(["probe", "half-close", "reset", "--timeout", "5s", "--json"]);
    expect(JSON.stringify(JSON.parse(output))).toContain("half-close");
  });

  it("stress: alone, with threads for both ends; report: its result", async () => {
    using folder = new TempDir();
    const file = folder.file("result.json");
    const load = ["-c", "4", "-n", "200", "--workers", "2", "--json"];
    const { messages } = JSON.parse(await stdoutOf(["stress", ...load, "-o", file]));
    expect(messages.verified).toBeGreaterThanOrEqual(200);
    // And report: that result once more.
    expect(JSON.parse(await stdoutOf(["report", file, "--json"])).messages).toEqual(messages);
  });
});
