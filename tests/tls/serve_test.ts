// `iomux serve` with a certificate, as others see it: openssl, ncat, and a client that does it wrong.
import { afterAll, describe, expect } from "bun:test";
import { execFileSync, spawn } from "node:child_process";
import { readAuthorities } from "../../lib/tls/credentials.ts";
import { spawnCli, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { Peer } from "../support/peers.ts";
import { itUnless } from "../support/systems.ts";
import { sleep } from "../support/waiting.ts";
import { Certificates, NO_OPENSSL } from "./certificates.ts";
import { NO_NCAT, TlsPeer, Tool } from "./tools.ts";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
const identity = certificates?.identity();
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => Promise<void>, reason: string | undefined = NO_OPENSSL) =>
  itUnless(reason, `iomux serve --tls-cert ${name}`, body);

const serveTls = (...args: string[]) =>
  startServe(["--tls-cert", identity!.cert, "--tls-key", identity!.key, ...args]);

const sClient = (port: number, ...args: string[]) =>
  new Tool("openssl", [
    ...["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", certificates!.ca],
    ...["-verify_return_error", "-verify_ip", "127.0.0.1", "-brief", ...args],
  ]);

describe("serve with TLS", () => {
  for (const version of ["tls1_3", "tls1_2"]) {
    it(`talks to openssl s_client -${version}`, async () => {
      await using server = await serveTls("--service", "upper");
      await using client = sClient(server.port, `-${version}`);
      client.child.stdin!.write("hello\n");
      await client.says(/^HELLO$/m);
      expect(client.err).toMatch(/Verification: OK/);
      client.child.stdin!.end();
      expect(await client.exit).toBe(0);
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect(stats.active).toBe(0);
      expect(stats.errors).toEqual({});
    });
  }

  it("refuses TLS 1.1", async () => {
    await using server = await serveTls();
    await using client = sClient(server.port, "-tls1_1", "-cipher", "ALL@SECLEVEL=0");
    expect(await client.exit).not.toBe(0);
    const stats = await server.statsWhen(({ errors }) => errors.TLS_HANDSHAKE !== undefined);
    expect(stats.errors).toEqual({ TLS_HANDSHAKE: 1 });
  });

  it(
    "answers all of what ncat --ssl sends, though that half-closes without close_notify",
    async () => {
      await using server = await serveTls();
      await using client = new Tool("ncat", ["--ssl", "127.0.0.1", String(server.port)]);
      const text = "0123456789abcdef\n".repeat(20_000);
      client.child.stdin!.end(text);
      expect(await client.exit).toBe(0);
      expect(client.out.length).toBe(text.length);
      expect(client.out === text).toBe(true);
      const stats = await server.statsWhen(({ errors }) => errors.TLS_TRUNCATED !== undefined);
      expect(stats.errors).toEqual({ TLS_TRUNCATED: 1 });
    },
    NO_OPENSSL ?? NO_NCAT,
  );

  it("closes a connection that speaks something else, and that one only", async () => {
    await using server = await serveTls();
    using good = await TlsPeer.dial(server.port);
    for (const words of ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\0".repeat(100)]) {
      using bad = Peer.dial({ port: server.port });
      await bad.send(words);
      expect(await bad.isOver()).toBe(true);
    }
    await good.send(pattern(1000));
    expectSameBytes(await good.read(1000), pattern(1000));
    const stats = await server.statsWhen(({ active }) => active === 1);
    expect(stats.errors).toEqual({ TLS_HANDSHAKE: 2 });
    expect(stats.active).toBe(1);
  });

  it("answers everything before the client's end, and then ends too", async () => {
    await using server = await serveTls();
    using peer = await TlsPeer.dial(server.port, {
      insecure: false,
      ca: readAuthorities(certificates!.ca),
    });
    const bytes = pattern(3_000_000, 7);
    const reading = peer.read(bytes.length);
    await peer.send(bytes);
    peer.end();
    expectSameBytes(await reading, bytes);
    expect((await peer.readToEnd()).length).toBe(0);
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.errors).toEqual({});
  });

  it("ends by itself with close_notify, and goes on reading", async () => {
    await using server = await serveTls("--service", "daytime");
    using peer = await TlsPeer.dial(server.port);
    expect(new TextDecoder().decode(await peer.readToEnd())).toMatch(/\d\d:\d\d/);
    await peer.send(pattern(100)); // it is read and dropped, without a reset
    peer.end();
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.active).toBe(0);
    expect(stats.errors).toEqual({});
  });

  it("counts an end without close_notify as TLS_TRUNCATED", async () => {
    await using server = await serveTls();
    using peer = await TlsPeer.dial(server.port);
    await peer.send(pattern(10));
    await peer.read(10);
    peer.raw.shutdown("write");
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.errors).toEqual({ TLS_TRUNCATED: 1 });
  });

  it("counts a client that leaves during the handshake", async () => {
    await using server = await serveTls();
    using peer = Peer.dial({ port: server.port });
    peer.end();
    const stats = await server.statsWhen(({ closed }) => closed === 1);
    expect(stats.errors).toEqual({ TLS_TRUNCATED: 1 });
  });

  it("stops reading from who does not read, and loses nothing", async () => {
    const limit = 256 * 1024;
    await using server = await serveTls("--max-buffer", String(limit));
    using peer = await TlsPeer.dial(server.port);
    const chunk = pattern(32 * 1024, 9);
    let sent = 0;
    for (let calm = performance.now(); performance.now() - calm < 300;) {
      if (peer.trySend(chunk) > 0) sent += chunk.length, calm = performance.now();
      else await sleep(2);
    }
    const { max_buffered } = await server.stats();
    // Half of it, and what was received at once with what TLS adds to that.
    expect(max_buffered).toBeGreaterThan(limit / 4);
    expect(max_buffered).toBeLessThan(limit * 1.1);
    const reading = peer.read(sent);
    await peer.flush();
    const all = await reading;
    expect(all.length).toBe(sent);
    for (let at = 0; at < sent; at += chunk.length) {
      expectSameBytes(all.subarray(at, at + chunk.length), chunk);
    }
  });

  it("waits for a peer that ended without close_notify as long as that reads, and 5 s more", async () => {
    await using server = await serveTls("--max-buffer", "64MiB");
    using peer = await TlsPeer.dial(server.port);
    const chunk = new Uint8Array(64 * 1024);
    for (let sent = 0; sent < 16_000_000; sent += chunk.length) await peer.send(chunk);
    peer.raw.shutdown("write");
    for (let second = 0; second < 7; second++) {
      await sleep(1000);
      await peer.read(300_000);
    }
    const from = performance.now();
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats).toMatchObject({ connections_cut: 1, errors: { TLS_TRUNCATED: 1 } });
    expect(performance.now() - from).toBeGreaterThan(4000); // from its last reading, not from its end
  });

  it("ends with close_notify a connection that is idle for too long", async () => {
    await using server = await serveTls("--idle-timeout", "200ms");
    using peer = await TlsPeer.dial(server.port);
    await peer.send(pattern(100));
    expectSameBytes(await peer.readToEnd(), pattern(100)); // close_notify: else it would throw
    const stats = await server.statsWhen(({ active }) => active === 0);
    expect(stats.errors).toEqual({});
  });

  it("has its faults behind TLS", async () => {
    await using server = await serveTls("--slice", "100B", "--delay", "1ms");
    using peer = await TlsPeer.dial(server.port);
    await peer.send(pattern(5000));
    peer.end();
    expectSameBytes(await peer.readToEnd(), pattern(5000));
  });

  it("serves on a Unix socket, as localhost", async () => {
    const path = certificates!.file("socket");
    await using _ = await serveTls("--unix", path);
    const args = ["client", "--unix", path, "--tls", "--tls-ca", certificates!.ca];
    await using cli = spawnCli(args, { stdin: "hello\n" });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("hello\n");
  });

  it("cannot be had with a handler, which would get ciphertext", async () => {
    const { cert, key } = identity!;
    const files = ["--tls-cert", cert, "--tls-key", key];
    await using cli = spawnCli(["serve", "-H", "127.0.0.1", "-p", "0", ...files, "--exec", "cat"]);
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr()).toMatch(/^iomux: option '--tls-cert' cannot be used with '--exec'.*\n$/);
  });

  it("shows each step with --trace", async () => {
    await using server = await serveTls("--trace");
    using peer = await TlsPeer.dial(server.port);
    await peer.send(pattern(5));
    await peer.read(5);
    peer.end();
    await server.says(/127\.0\.0\.1:\d+ disconnected/);
    const trace = server.stderr();
    expect(trace).toMatch(/new connection from 127\.0\.0\.1:\d+/);
    expect(trace).toMatch(/received \d+ bytes from 127\.0\.0\.1:\d+: "\\x16\\x03\\x01/);
    expect(trace.includes("undefined")).toBe(false);
  });

  it("serves with several workers, and drains", async () => {
    await using server = await serveTls("--workers", "2");
    const peers = await Promise.all(Array.from({ length: 8 }, () => TlsPeer.dial(server.port)));
    try {
      for (const peer of peers) await peer.send(pattern(500));
      for (const peer of peers) expectSameBytes(await peer.read(500), pattern(500));
      server.kill("SIGTERM");
      for (const peer of peers) peer.end();
      for (const peer of peers) expect((await peer.readToEnd()).length).toBe(0);
      expect(await server.exit).toEqual({ code: 0, signal: null });
    } finally {
      for (const peer of peers) peer[Symbol.dispose]();
    }
  });
});

describe("serve with a bad certificate", () => {
  const refused = async (args: string[], message: RegExp) => {
    await using cli = spawnCli(["serve", "-H", "127.0.0.1", "-p", "0", ...args]);
    expect(await cli.exit).toEqual({ code: 2, signal: null });
    expect(cli.stderr()).toMatch(message);
    expect(cli.stderr().split("\n").length).toBe(2); // one line
    expect(cli.stdout()).toBe("");
  };

  it("says which file is missing", async () => {
    const { cert, key } = identity!;
    await refused(["--tls-cert", cert], /^iomux: option '--tls-cert' needs '--tls-key' as well\n/);
    await refused(["--tls-key", key], /^iomux: option '--tls-key' needs '--tls-cert' as well\n/);
    await refused(
      ["--tls-cert", "/nonexistent.pem", "--tls-key", key],
      /^iomux: Cannot read the certificate \/nonexistent\.pem: ENOENT \(no such file or directory\)\n/,
    );
  });

  it("says that the key belongs to another certificate", async () => {
    const other = certificates!.identity();
    await refused(
      ["--tls-cert", identity!.cert, "--tls-key", other.key],
      /^iomux: Cannot use the key .*: it does not belong to the certificate .*\n/,
    );
  });

  it("says that a file is something else", async () => {
    const { cert, key } = identity!;
    await refused(
      ["--tls-cert", key, "--tls-key", key],
      /^iomux: Cannot use the certificate .*: there is none in it; a PEM file is needed/,
    );
    await refused(
      ["--tls-cert", cert, "--tls-key", cert],
      /^iomux: Cannot use the key .*: there is none in it/,
    );
  });

  it("does not ask for the password of an encrypted key", async () => {
    await refused(
      ["--tls-cert", identity!.cert, "--tls-key", certificates!.encrypted(identity!.key)],
      /^iomux: Cannot use the key .*: it is encrypted; decrypt it with: openssl pkey/,
    );
  });
});

describe("keys and certificates from pipes", () => {
  it("are read once, by serve and by its clients", async () => {
    const { cert, key } = identity!;
    // FIFOs: what is read from one is gone, as with <(...) of a shell.
    const pipes = [cert, key, certificates!.ca].map((file, i) => {
      const pipe = certificates!.file(`pipe${i}`);
      execFileSync("mkfifo", [pipe]);
      spawn("sh", ["-c", 'cat "$1" > "$2"', "sh", file, pipe], { stdio: "ignore" });
      return pipe;
    });
    await using server = await startServe([
      ...["--tls-cert", pipes[0]!, "--tls-key", pipes[1]!, "--workers", "2"],
    ]);
    const load = ["-c", "4", "-n", "100", "--workers", "2"];
    await using cli = spawnCli(["stress", server.name, "--tls", "--tls-ca", pipes[2]!, ...load]);
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toContain("100");
  });
});
