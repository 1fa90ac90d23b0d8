// Without OpenSSL 3, TLS goes through node:tls: slower, and good enough.
import { afterAll, describe, expect } from "bun:test";
import { spawnCli, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { itUnless } from "../support/systems.ts";
import { sleep } from "../support/waiting.ts";
import { Certificates, NO_OPENSSL } from "./certificates.ts";
import { Tool } from "./tools.ts";
import { writeFileSync } from "node:fs";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
const identity = certificates?.identity();
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => Promise<void>, reason?: string) =>
  itUnless(NO_OPENSSL ?? reason, `iomux without OpenSSL ${name}`, body);

const env = { IOMUX_TEST_NO_OPENSSL: "1" };
const files = () => ["--tls-cert", identity!.cert, "--tls-key", identity!.key];
const trust = () => ["--tls", "--tls-ca", certificates!.ca];
const config = (version: string) =>
  "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n" +
  `MinProtocol = ${version}\nMaxProtocol = ${version}\n`;
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

  for (const version of ["TLSv1.3", "TLSv1.2"]) {
    it(`answers after the peer's half-close, also what takes long, with ${version}`, async () => {
      await using server = await startServe([...files(), "--delay", "300ms"], { env });
      const bytes = pattern(300_000, 6);
      const OPENSSL_CONF = certificates!.file(`${version}.cnf`);
      writeFileSync(OPENSSL_CONF, config(version)); // of the client, which has OpenSSL
      const options = { env: { OPENSSL_CONF }, stdin: bytes };
      await using cli = spawnCli(["client", server.name, ...trust()], options);
      expect((await cli.exit).code).toBe(0);
      expectSameBytes(cli.stdoutBytes(), bytes);
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect(stats.errors).toEqual({});
    });
  }

  it("serves TLS 1.2 as well", async () => {
    await using server = await startServe(files(), { env });
    const options = [
      "-connect",
      server.name,
      "-CAfile",
      certificates!.ca,
      "-tls1_2",
      "-quiet",
      "-no_ign_eof",
    ];
    await using s_client = new Tool("openssl", ["s_client", ...options]);
    s_client.child.stdin!.write("hello\n");
    await s_client.says(/^hello$/m);
    s_client.child.stdin!.end();
    expect(await s_client.exit).toBe(0);
  });

  const suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"];
  for (const suite of suites) {
    it(`half-closes after the keys have changed, with ${suite}`, async () => {
      const { cert, key } = identity!;
      const options = ["-accept", "127.0.0.1:0", "-cert", cert, "-key", key];
      await using server = new Tool("openssl", [
        "s_server",
        ...options,
        "-naccept",
        "1",
        "-ciphersuites",
        suite,
      ]);
      const [, port] = await server.says(/^ACCEPT 127\.0\.0\.1:(\d+)/m);
      const args = ["client", `127.0.0.1:${port}`, ...trust()];
      await using cli = spawnCli(args, { env, stdin: "pipe" });
      cli.child.stdin!.write("one\n");
      await server.says(/^one$/m);
      server.child.stdin!.write("K\n"); // a request for new keys, both ways
      // What s_server reads together with that letter is lost.
      for (let i = 0; i < 50 && cli.stdout() === ""; i++) {
        await sleep(100);
        server.child.stdin!.write("two\n");
      }
      await cli.says(/^two$/m, "stdout");
      cli.child.stdin!.write("three\n");
      await server.says(/^three$/m);
      cli.child.stdin!.end();
      expect((await cli.exit).code).toBe(0);
      await server.exit;
      expect(server.out).toMatch(/^SSL_do_handshake -> 1$/m); // it did ask
      // close_notify came: with other keys, or without it, this would be an error.
      expect(server.out).toMatch(/^DONE$/m);
      expect(server.out + server.err).not.toMatch(/^ERROR$|error:/m);
    });
  }

  it("is a client that ends after some silence where it can't half-close", async () => {
    const { cert, key } = identity!;
    const suite = ["-rev", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"];
    const options = ["-accept", "127.0.0.1:0", "-cert", cert, "-key", key, ...suite];
    await using server = new Tool("openssl", ["s_server", ...options]);
    const [, port] = await server.says(/^ACCEPT 127\.0\.0\.1:(\d+)/m);
    const args = ["client", `127.0.0.1:${port}`, ...trust()];
    await using cli = spawnCli(args, { env, stdin: "hello\n" });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("olleh\n");
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
