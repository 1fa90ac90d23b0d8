// Without OpenSSL 3, TLS goes through node:tls: slower, and good enough.
import { afterAll, describe, expect } from "bun:test";
import { runtime } from "../../lib/sys/ffi.ts";
import { spawnCli, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_OPENSSL } from "./certificates.ts";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
const identity = certificates?.identity();
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => Promise<void>, reason?: string) =>
  itUnless(NO_OPENSSL ?? reason, `iomux without OpenSSL ${name}`, body);

const env = { IOMUX_TEST_NO_OPENSSL: "1" };
const files = () => ["--tls-cert", identity!.cert, "--tls-key", identity!.key];
const trust = () => ["--tls", "--tls-ca", certificates!.ca];
const NOTICE = /TLS goes through node:tls, which is slower, as OpenSSL 3 is missing: /;

describe("node:tls instead of OpenSSL", () => {
  it("serves, and says so", async () => {
    await using server = await startServe(files(), { env });
    await server.says(NOTICE);
    const load = ["-c", "5", "-n", "2000", "-s", "1KiB", "--pipeline", "2", "--json"];
    await using cli = spawnCli(["stress", server.name, ...trust(), ...load]);
    const { code } = await cli.exit;
    expect(code).toBe(0);
    expect(JSON.parse(cli.stdout()).messages.verified).toBe(2000);
  });

  it("makes a load", async () => {
    await using server = await startServe(files());
    const load = ["-c", "5", "-n", "2000", "-s", "20KiB", "--pipeline", "2", "--json"];
    await using cli = spawnCli(["stress", server.name, ...trust(), ...load], { env });
    expect((await cli.exit).code).toBe(0);
    expect(JSON.parse(cli.stdout()).messages.verified).toBe(2000);
    expect(cli.stderr()).toMatch(NOTICE);
  });

  it("is a client that gets every byte", async () => {
    await using server = await startServe(files());
    const bytes = pattern(1_000_000, 5);
    await using cli = spawnCli(["client", server.name, ...trust()], { env, stdin: bytes });
    expect((await cli.exit).code).toBe(0);
    expectSameBytes(cli.stdoutBytes(), bytes);
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.errors).toEqual({});
  });

  it("refuses a certificate that is not trusted: exit 1", async () => {
    await using server = await startServe(files());
    await using cli = spawnCli(["client", server.name, "--tls"], { env });
    expect((await cli.exit).code).toBe(1);
    expect(cli.stderr()).toMatch(/Cannot trust the peer's certificate: TLS_CERTIFICATE \(/);
  });

  it("closes a connection that speaks something else, and that one only", async () => {
    await using server = await startServe(files(), { env });
    await using plain = spawnCli(["client", server.name], { stdin: "GET / HTTP/1.1\r\n\r\n" });
    expect([0, 5].includes((await plain.exit).code!)).toBe(true);
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.errors).toEqual({ TLS_HANDSHAKE: 1 });
    await using cli = spawnCli(["client", server.name, ...trust()], { stdin: "hello\n" });
    await cli.says(/hello/, "stdout");
  });
});
