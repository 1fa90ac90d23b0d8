// The client's options of TLS: its own certificate, the name that it expects, protocols, and listening.
import { afterAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { type Cli, type CliOptions, spawnCli } from "../support/cli.ts";
import { Socket } from "../../lib/net/mod.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_TLS } from "../tls/certificates.ts";
import { shellClient } from "./peers.ts";
import { FarEnd } from "./far_end.ts";
import { reversingServer, Tool } from "../tls/tools.ts";

const certificates = NO_TLS === undefined ? new Certificates() : undefined;
const identity = certificates?.identity();
const elsewhere = certificates?.identity({ names: "DNS:example.org" });
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => Promise<void>) => itUnless(NO_TLS, name, body);

const server = (who: typeof identity, ...args: string[]) =>
  reversingServer(["-cert", who!.cert, "-key", who!.key, ...args]);
const client = (port: number | string, args: string[], options: CliOptions = {}): Cli =>
  spawnCli(
    ["client", `127.0.0.1:${port}`, "--tls", "--tls-ca", certificates!.ca, ...args],
    options,
  );

/** A line that comes back reversed. */
async function answered(cli: Cli): Promise<void> {
  cli.child.stdin!.write("hello\n");
  await cli.says(/^olleh\n$/, "stdout");
  cli.child.stdin!.end();
  expect((await cli.exit).code).toBe(0);
}

describe("iomux client --tls", () => {
  for (const version of ["tls1_3", "tls1_2"]) {
    it(`has a certificate of its own, for a server that asks for one (${version})`, async () => {
      const asking = ["-Verify", "2", "-verify_return_error", "-CAfile", certificates!.ca];
      await using s = await server(identity, ...asking, `-${version}`);
      const own = certificates!.identity({ names: "DNS:client.example" });
      await using cli = client(s.port, ["--tls-cert", own.cert, "--tls-key", own.key], {
        stdin: "pipe",
      });
      await answered(cli);
      expect(cli.stderr()).toBe("");

      await using without = client(s.port, [], { stdin: "pipe" });
      without.child.stdin!.write("hello\n");
      expect((await without.exit).code).not.toBe(0);
      expect(without.stdout()).toBe("");
      expect(without.stderr()).toMatch(
        /^iomux: Cannot .*(certificate required|handshake failure).*\n$/,
      );
    });
  }

  it("ends a script's send to a server that has refused its certificate by then", async () => {
    const asking = ["-Verify", "2", "-verify_return_error", "-CAfile", certificates!.ca];
    await using s = await server(identity, ...asking, "-tls1_3");
    const path = certificates!.file("steps");
    writeFileSync(path, 'sleep 300ms\nsend "hello\\n"\n');
    await using cli = client(s.port, ["--script", path]);
    expect((await cli.exit).code).toBe(5);
    expect(cli.stderr()).toMatch(/line 2: .*certificate required.*; 6 bytes were not taken/);
  });

  it("prints all that had come before TLS failed, though there is more to send", async () => {
    using far = new FarEnd("tls");
    const line = '{ head -c 100 /dev/zero; sleep 1; head -c 3000000 /dev/zero; } | "$@" | ' +
      "{ sleep 2; wc -c >&2; }";
    await using cli = shellClient(line, far.target);
    const connection = await far.accept(() => cli.stderr);
    await connection.send(new Uint8Array(500_000));
    connection.spoil();
    await cli.exit;
    expect(cli.stderr).toMatch(/TLS_PROTOCOL/);
    expect(cli.stderr).toMatch(/^500000$/m);
  });

  it("expects the name that --tls-server-name says, and asks for its certificate", async () => {
    // One of the two is for whom names example.org when connecting.
    const other = [
      "-servername",
      "example.org",
      "-cert2",
      elsewhere!.cert,
      "-key2",
      elsewhere!.key,
    ];
    await using s = await server(identity, ...other);
    const args = ["-v", "--tls-server-name", "example.org"];
    await using cli = client(s.port, args, { stdin: "pipe" });
    await answered(cli);
    expect(cli.stderr()).toMatch(
      /TLSv1\.3, TLS_\w+, certificate for example\.org, after [\d.]+ ms\n/,
    );

    await using mistaken = client(s.port, ["--tls-server-name", "example.net"]);
    expect((await mistaken.exit).code).toBe(1);
    expect(mistaken.stderr()).toMatch(/it is for localhost and 127\.0\.0\.1, not for example\.net/);
  });

  it("offers protocols by --tls-alpn, and -v says which was chosen", async () => {
    await using s = await server(identity, "-alpn", "http/1.1");
    await using cli = client(s.port, ["-v", "--tls-alpn", "h2,http/1.1"], { stdin: "pipe" });
    await answered(cli);
    expect(cli.stderr()).toContain(", ALPN http/1.1, ");
  });

  it("is read to its end by a peer that ends without close_notify: exit 5, as something may be missing", async () => {
    using far = new FarEnd("tls");
    const much = new Uint8Array(5_000_000);
    await using cli = spawnCli(["client", ...far.target, "--grace", "20s"], { stdin: much });
    const connection = await far.accept(() => cli.stderr());
    await connection.send("bye");
    connection.truncate();
    await connection.read(30_000);
    expect([connection.got, connection.ended]).toEqual([much.length, "FIN"]);
    expect((await cli.exit).code).toBe(5);
    expect([cli.stdout(), cli.stderr()]).toEqual(["bye", expect.stringMatching(/TLS_TRUNCATED/)]);
  });

  it("-l is a server: of openssl s_client, and of itself", async () => {
    const { cert, key } = identity!;
    const listen = ["--tls", "--tls-cert", cert, "--tls-key", key, "-v"];
    await using listener = spawnCli(["client", "-k", "-l", "127.0.0.1:0", ...listen], {
      stdin: "pipe",
    });
    const [, port] = await listener.says(/listening on 127\.0\.0\.1:(\d+)/);
    const trusting = ["-quiet", "-verify_return_error", "-CAfile", certificates!.ca];
    const args = ["s_client", ...trusting, "-connect", `127.0.0.1:${port}`];
    {
      await using s = new Tool("openssl", args);
      s.child.stdin!.write("from openssl\n");
      await listener.says(/^from openssl\n$/, "stdout");
      listener.child.stdin!.write("an answer\n");
      await s.says(/^an answer$/m, 15_000);
      s.child.stdin!.end();
    }
    await using cli = client(port!, [], { stdin: "from iomux\n" });
    await listener.says(/from iomux\n$/, "stdout");
    expect((await cli.exit).code).toBe(0);
    expect(listener.stderr()).toMatch(/TLSv1\.3, TLS_\w+, no certificate, after [\d.]+ ms\n/);
  });

  for (const [option, value] of [["-w", "700ms"], ["-i", "600ms"]] as const) {
    it(`-l ${option} bounds the handshake of a peer that says nothing, and -k takes the next one`, async () => {
      const { cert, key } = identity!;
      const options = ["--tls", "--tls-cert", cert, "--tls-key", key, option, value];
      await using listener = spawnCli(["client", "-k", "-l", "127.0.0.1:0", ...options], {
        stdin: "pipe",
      });
      const [, port] = await listener.says(/listening on 127\.0\.0\.1:(\d+)/);
      using _silent = Socket.connect({ port: Number(port) });
      await listener.says(/Cannot agree on TLS with 127\.0\.0\.1:\d+ within \d00 ms/);
      await using cli = client(port!, [], { stdin: "next\n" });
      await listener.says(/^next\n$/, "stdout");
      expect((await cli.exit).code).toBe(0);
    });
  }

  it("-i counts in the handshake as well: exit 4", async () => {
    using silent = Socket.listen({ host: "127.0.0.1" });
    await using cli = client(silent.port, ["-i", "300ms"], { stdin: "pipe" });
    expect((await cli.exit).code).toBe(4);
    expect(cli.stderr()).toMatch(/Cannot agree on TLS with .* within 300 ms: ETIMEDOUT/);
  });

  it("needs a key to its certificate, and a certificate to listen with", async () => {
    const { cert } = identity!;
    for (
      const [args, message] of [
        [["127.0.0.1:1", "--tls-cert", cert], /'--tls-cert' needs '--tls-key'/],
        [["-l", "127.0.0.1:0"], /'--listen' and '--tls' need '--tls-cert' and '--tls-key'/],
        [["-l", "127.0.0.1:0", "--tls-insecure"], /exclude each other/],
      ] as const
    ) {
      await using cli = spawnCli(["client", "--tls", ...args]);
      expect([args, (await cli.exit).code]).toEqual([args, 2]);
      expect(cli.stderr()).toMatch(message);
    }
  });
});
