// `iomux client --tls` against openssl s_server, and against peers that are not as they should be.
import { afterAll, describe, expect } from "bun:test";
import { getAvailablePort } from "../../lib/net/mod.ts";
import { type Cli, type CliOptions, spawnCli, startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { itUnless } from "../support/systems.ts";
import { echoPeer, peer } from "../client/peers.ts";
import { Certificates, type Identity, NO_OPENSSL } from "./certificates.ts";
import { NO_NCAT, reversingServer, Tool } from "./tools.ts";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
const identity = certificates?.identity();
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => Promise<void>, reason?: string) =>
  itUnless(NO_OPENSSL ?? reason, `iomux client --tls ${name}`, body);

const server = ({ cert, key }: Identity, ...args: string[]) =>
  reversingServer(["-cert", cert, "-key", key, ...args]);

const client = (target: string, args: string[], options: CliOptions = {}): Cli =>
  spawnCli(["client", target, "--tls", ...args], options);
const trusting = (target: string, args: string[] = [], options: CliOptions = {}): Cli =>
  client(target, ["--tls-ca", certificates!.ca, ...args], options);

/** The one line that a client fails with. */
async function failure(cli: Cli, code: number): Promise<string> {
  await using _ = cli;
  expect((await cli.exit).code).toBe(code);
  expect(cli.stdout()).toBe("");
  const lines = cli.stderr().split("\n");
  expect(lines.length).toBe(2);
  return lines[0]!;
}

describe("client with TLS", () => {
  for (const version of ["tls1_3", "tls1_2"]) {
    it(`talks to openssl s_server -${version}`, async () => {
      await using s = await server(identity!, `-${version}`);
      await using cli = trusting(`127.0.0.1:${s.port}`, [], { stdin: "pipe" });
      cli.child.stdin!.write("hello\n");
      await cli.says(/^olleh\n$/, "stdout");
      cli.child.stdin!.end();
      expect((await cli.exit).code).toBe(0);
      expect(cli.stderr()).toBe("");
    });
  }

  it("talks to ncat --ssl, which ends first", async () => {
    const port = getAvailablePort();
    const { cert, key } = identity!;
    const listen = ["-v", "-l", "127.0.0.1", String(port)];
    await using s = new Tool("ncat", ["--ssl", "--ssl-cert", cert, "--ssl-key", key, ...listen]);
    await s.says(/Listening on 127\.0\.0\.1:\d+/);
    await using cli = trusting(`localhost:${port}`, ["-w", "5s"], { stdin: "pipe" });
    cli.child.stdin!.write("hello\n");
    await s.says(/^hello$/m);
    s.child.stdin!.end("and goodbye\n");
    await cli.says(/^and goodbye\n$/, "stdout");
    cli.child.stdin!.end();
    expect((await cli.exit).code).not.toBe(null);
  }, NO_NCAT);

  it("asks for the certificate of the name that it was given", async () => {
    const elsewhere = certificates!.identity({ names: "DNS:example.org" });
    await using s = await server(elsewhere, ...[
      ...["-servername", "localhost", "-cert2", identity!.cert, "-key2", identity!.key],
    ]);
    await using cli = trusting(`localhost:${s.port}`, [], { stdin: "pipe" });
    cli.child.stdin!.write("hello\n");
    await cli.says(/^olleh\n$/, "stdout");
  });

  it("carries megabytes both ways, and half-closes", async () => {
    await using s = await startServe(["--tls-cert", identity!.cert, "--tls-key", identity!.key]);
    const bytes = pattern(5_000_000, 3);
    await using cli = trusting(`127.0.0.1:${s.port}`, [], { stdin: bytes });
    expect((await cli.exit).code).toBe(0);
    expectSameBytes(cli.stdoutBytes(), bytes);
    expect((await s.statsWhen(({ active }) => active === 0)).errors).toEqual({});
  });

  const advice =
    "--tls-ca FILE names the authorities to trust, --tls-insecure takes any certificate";
  const bad: [string, () => Identity, RegExp][] = [
    [
      "of another name",
      () => certificates!.identity({ names: "DNS:example.org" }),
      /it is for example\.org, not for localhost/,
    ],
    ["that has expired", () => certificates!.identity({ days: -1 }), /certificate has expired/],
    ["that is self-signed", () => certificates!.selfSigned(), /self[- ]signed certificate/],
  ];
  for (const [what, make, reason] of bad) {
    it(`refuses a certificate ${what}, unless it is told not to look`, async () => {
      await using s = await server(make());
      const line = await failure(trusting(`localhost:${s.port}`), 1);
      expect(line).toMatch(/^iomux: Cannot trust the peer's certificate: TLS_CERTIFICATE \(/);
      expect(line).toMatch(reason);
      expect(line).toContain(advice);
      await using cli = client(`localhost:${s.port}`, ["--tls-insecure"], { stdin: "pipe" });
      cli.child.stdin!.write("hello\n");
      await cli.says(/^olleh\n$/, "stdout");
    });
  }

  it("refuses an authority that the system does not know", async () => {
    await using s = await server(identity!);
    const line = await failure(client(`localhost:${s.port}`, []), 1);
    expect(line).toMatch(/TLS_CERTIFICATE \((unable to|self[- ]signed)/);
  });

  it("says that the peer does not speak TLS", async () => {
    await using plain = await peer((socket) => socket.write("220 mail.example.org ready\r\n"));
    const line = await failure(trusting(plain.name), 1);
    expect(line).toMatch(
      /^iomux: Cannot agree on TLS: TLS_HANDSHAKE \(the peer does not speak TLS: /,
    );
  });

  it("says that the peer has closed during the handshake: exit 5", async () => {
    await using rude = await peer((socket) => socket.once("data", () => socket.end()));
    const line = await failure(trusting(rude.name), 5);
    expect(line).toBe(
      "iomux: Cannot agree on TLS: TLS_TRUNCATED (the peer closed the connection during the handshake)",
    );
  });

  it("gives a handshake no longer than --connect-timeout: exit 4", async () => {
    await using silent = await peer(() => {});
    const line = await failure(trusting(silent.name, ["-w", "300ms"]), 4);
    expect(line).toMatch(/^iomux: Cannot agree on TLS with \S+:\d+ within 300 ms: ETIMEDOUT/);
  });

  it("ends at once with a signal during the handshake", async () => {
    await using silent = await peer(() => {});
    await using cli = trusting(silent.name, [], { stdin: "pipe" });
    await silent.connection;
    await new Promise((resolve) => setTimeout(resolve, 300));
    cli.kill("SIGINT");
    expect((await cli.exit).code).toBe(130);
  });

  it("prints what has come, and says so, when the peer ends without close_notify: exit 5", async () => {
    await using s = await server(identity!);
    await using cli = trusting(`127.0.0.1:${s.port}`, [], { stdin: "pipe" });
    cli.child.stdin!.write("hello\n");
    await cli.says(/^olleh\n$/, "stdout");
    s.kill();
    expect((await cli.exit).code).toBe(5);
    expect(cli.stdout()).toBe("olleh\n");
    expect(cli.stderr()).toMatch(/TLS_TRUNCATED|ECONNRESET/);
  });

  it("refuses options that make no sense", async () => {
    const usage = async (args: string[], message: RegExp) =>
      expect(await failure(spawnCli(args), 2)).toMatch(message);
    await usage(["client", "127.0.0.1:1", "--tls-insecure"], /'--tls-insecure' needs '--tls'/);
    await usage(["client", "127.0.0.1:1", "--tls-ca", "a.pem"], /'--tls-ca' needs '--tls'/);
    await usage(["client", "127.0.0.1:1", "--tls-alpn", "h2"], /'--tls-alpn' needs '--tls'/);
    for (const names of ["", "h2,", "x".repeat(256)]) {
      await usage(["client", "127.0.0.1:1", "--tls", "--tls-alpn", names], /no list of protocols/);
    }
    await usage(
      ["client", "127.0.0.1:1", "--tls", "--tls-ca", "/nonexistent.pem"],
      /^iomux: Cannot read the authorities \/nonexistent\.pem: ENOENT \(no such file or directory\)$/,
    );
    await usage(["stress", "--tls"], /'--tls' needs a target/);
  });

  it("is plain without the option", async () => {
    await using plain = await echoPeer();
    await using cli = spawnCli(["client", plain.name], { stdin: "hello\n" });
    expect((await cli.exit).code).toBe(0);
    expect(cli.stdout()).toBe("hello\n");
  });
});
