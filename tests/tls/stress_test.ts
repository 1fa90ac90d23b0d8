// `iomux stress --tls` against `iomux serve`: every byte of what was decrypted is verified.
import { afterAll, describe, expect } from "bun:test";
import { type RunningServer, spawnCli, startServe } from "../support/cli.ts";
import { peer } from "../client/peers.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, type Identity, NO_OPENSSL } from "./certificates.ts";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
const identity = certificates?.identity();
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => Promise<void>) =>
  itUnless(NO_OPENSSL, `iomux stress --tls ${name}`, body);

const serveTls = ({ cert, key }: Identity = identity!, ...args: string[]) =>
  startServe(["--tls-cert", cert, "--tls-key", key, ...args]);

interface Outcome {
  code: number | null;
  stderr: string;
  result: any;
}

async function stress(target: string, ...args: string[]): Promise<Outcome> {
  await using cli = spawnCli(["stress", target, "--tls", "--json", ...args]);
  const { code } = await cli.exit;
  return { code, stderr: cli.stderr(), result: JSON.parse(cli.stdout()) };
}

const trusted = (server: RunningServer, ...args: string[]) =>
  stress(server.name, "--tls-ca", certificates!.ca, ...args);

describe("stress with TLS", () => {
  const loads: [string, string[], number][] = [
    ["many small messages", ["-c", "20", "-n", "3000"], 3000],
    ["messages of 1 MiB, pipelined", ["-c", "3", "-n", "15", "-s", "1MiB", "--pipeline", "4"], 15],
    ["odd sizes from several threads", [
      ...["-c", "6", "-n", "600", "-s", "16385B", "--pipeline", "3", "--workers", "2"],
    ], 600],
  ];
  for (const [what, args, messages] of loads) {
    it(`verifies ${what}`, async () => {
      await using server = await serveTls();
      const { code, result } = await trusted(server, ...args);
      expect(code).toBe(0);
      expect(result.messages.verified).toBe(messages);
      expect(result.errors).toEqual({});
      expect(result.verdict).toMatch(/^(pass|invalid)$/); // invalid: on a busy machine
      expect(result.connect_us.count).toBe(result.connections.requested);
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect(stats.errors).toEqual({});
      expect(stats.active).toBe(0);
    });
  }

  it("misbehaves by iomux probe, within TLS", async () => {
    await using server = await serveTls();
    const args = ["half-close", "fin-first", "reset", "unread-close", "--timeout", "4s", "--json"];
    const ca = certificates!.ca;
    await using cli = spawnCli(["probe", server.name, "--tls", "--tls-ca", ca, ...args]);
    const { code } = await cli.exit;
    const result = JSON.parse(cli.stdout());
    expect(result.profiles.flatMap(({ reasons }: { reasons: string[] }) => reasons)).toEqual([]);
    expect([code, result.profiles.length]).toEqual([0, 4]);
  });

  it("verifies upper case, with --tls-insecure and an unknown certificate", async () => {
    await using server = await serveTls(certificates!.selfSigned(), "--service", "upper");
    const load = ["--expect", "upper", "-c", "3", "-n", "300"];
    const { code, result } = await stress(server.name, "--tls-insecure", ...load);
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(300);
  });

  it("says why it trusts no certificate: exit 1, TLS_CERTIFICATE", async () => {
    await using server = await serveTls(certificates!.identity({ names: "DNS:example.org" }));
    const { code, result, stderr } = await trusted(server, "-c", "3", "-n", "30");
    expect(code).toBe(1);
    expect(result.errors).toEqual({ TLS_CERTIFICATE: 3 });
    expect(result.connections.failed).toBe(3);
    expect(stderr).toMatch(
      /^iomux: Cannot trust the peer's certificate: .*it is for example\.org, not for .*--tls-ca/,
    );
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.errors).toEqual({ TLS_HANDSHAKE: 3 });
  });

  it("says that the target does not speak TLS: exit 1, TLS_HANDSHAKE", async () => {
    await using server = await startServe();
    const { code, result, stderr } = await stress(server.name, "-c", "2", "-n", "20");
    expect(code).toBe(1);
    expect(result.errors).toEqual({ TLS_HANDSHAKE: 2 });
    expect(stderr).toMatch(/^iomux: Cannot agree on TLS: TLS_HANDSHAKE \(.+\)\n$/);
  });

  for (const how of ["end", "resetAndDestroy"] as const) {
    it(`says that the target closes in the handshake: exit 5, as in every command (${how})`, async () => {
      await using rude = await peer((socket) => void socket.once("data", () => socket[how]()));
      const { code, result } = await stress(rude.name, "-c", "2", "-n", "20");
      const error = how === "end" ? "TLS_TRUNCATED" : "ECONNRESET";
      expect([code, result.errors]).toEqual([5, { [error]: 2 }]);
      for (const args of [["client", rude.name], ["probe", rude.name, "reset"]]) {
        await using cli = spawnCli([...args, "--tls"], { stdin: "" });
        expect([args[0], (await cli.exit).code]).toEqual([args[0], 5]);
      }
    });
  }

  it("gives up a handshake that takes too long: exit 4", async () => {
    await using silent = await peer(() => {});
    const load = ["-c", "2", "-n", "20", "--timeout", "300ms"];
    const { code, result, stderr } = await stress(silent.name, ...load);
    expect(code).toBe(4);
    expect(result.errors).toEqual({ ETIMEDOUT: 2 });
    const words = `iomux: Cannot agree on TLS with ${silent.name} within 300 ms: ETIMEDOUT ` +
      "(connection timed out)\n";
    expect(stderr).toBe(words);
    for (
      const args of [["client", silent.name, "-w", "300ms"], [
        ...["probe", silent.name, "reset", "--timeout", "300ms"],
      ]]
    ) {
      await using cli = spawnCli([...args, "--tls"]);
      expect([args, (await cli.exit).code, cli.stderr()]).toEqual([args, 4, words]);
    }
  });

  it("makes no bare connection where the name has several addresses", async () => {
    await using server = await serveTls();
    const target = `localhost:${server.port}`;
    const { code } = await stress(target, "--tls-ca", certificates!.ca, "-c", "3", "-n", "9");
    expect(code).toBe(0);
    const stats = await server.statsWhen(({ active, accepted }) => active === 0 && accepted >= 4);
    expect([stats.accepted, stats.errors]).toEqual([4, {}]); // one to find the address out
  });
});
