// serve --udp and client --udp, as processes.
import { describe, expect, it } from "bun:test";
import { DatagramSocket, getAvailablePort } from "../../lib/net/mod.ts";
import { spawnCli, startServe } from "../support/cli.ts";
import { failing, NO_FAILING } from "../support/failing.ts";
import { shellClient } from "../client/peers.ts";
import { inNamespace, NO_NAMESPACE } from "../support/namespaces.ts";
import { itUnless } from "../support/systems.ts";
import { until } from "../support/waiting.ts";
import { encode } from "../support/sockets.ts";

const UDP = ["--udp", "--host", "127.0.0.1", "--port", "0"];
const NOT_LINUX = process.platform === "linux" ? undefined : "only Linux counts lost datagrams";
const buffer = new Uint8Array(70_000);

/** Sends datagrams from a socket of its own, and gives the answers as text. */
function ask(port: number, parts: string[]): string[] {
  using socket = DatagramSocket.connect({ host: "127.0.0.1", port });
  socket.setBlocking(true);
  socket.setTimeouts({ recvMs: 5000 });
  return parts.map((part) => {
    socket.send(encode(part));
    return new TextDecoder().decode(buffer.subarray(0, Math.max(socket.recv(buffer), 0)));
  });
}

async function client(port: number, stdin: string, ...args: string[]) {
  const run = spawnCli(["client", `127.0.0.1:${port}`, "--udp", ...args], { stdin });
  const { code } = await run.exit;
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}

describe("serve --udp", () => {
  it("echoes each datagram by itself, the empty one and the largest, and counts them", async () => {
    await using server = await startServe([...UDP, "--stats"]);
    const large = "x".repeat(65_000);
    expect(ask(server.port, ["one", "", large, "two"])).toEqual(["one", "", large, "two"]);
    server.kill("SIGTERM");
    expect((await server.exit).code).toBe(0);
    const stats = JSON.parse(server.stdout().trim().split("\n").at(-1)!);
    expect([stats.bytes_in, stats.bytes_out]).toEqual([65_006, 65_006]);
  });

  itUnless(NO_NAMESPACE, "serves the addresses of a name that the machine has", async () => {
    const script = `ip link set lo up
      echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
      exec "$@" serve --udp -p 0 -H localhost`;
    await using cli = spawnCli([], { through: inNamespace(script) });
    await cli.says(/\[warn\] Cannot bind \[::1\]:\d+: .*, one of the addresses of localhost\n/);
    const listens = () => /^listening on 127\.0\.0\.1:\d+\n$/.test(cli.stdout());
    expect(await until(listens)).toBe(true);
  });

  it("answers in upper case with --service upper, on each selector", async () => {
    for (const selector of ["select", "poll"]) {
      await using server = await startServe([
        ...[...UDP, "--service", "upper", "--selector", selector],
      ]);
      expect(ask(server.port, ["hello"])).toEqual(["HELLO"]);
    }
  });

  for (const error of ["EAGAIN", "ENOBUFS"]) {
    itUnless(NO_FAILING, `counts an answer that can't be sent: ${error}`, async () => {
      const row = ["sendto", error, 1, "main"] as const;
      await using server = await startServe(UDP, failing(row));
      using socket = DatagramSocket.connect({ host: "127.0.0.1", port: server.port });
      socket.send(encode("one"));
      const { errors, bytes_in } = await server.statsWhen(({ errors }) => error in errors);
      expect([errors, bytes_in]).toEqual([{ [error]: 1 }, 3]);
      expect(ask(server.port, ["two"])).toEqual(["two"]);
    });
  }

  itUnless(NOT_LINUX, "says at its end how many came faster than it answered", async () => {
    await using server = await startServe(UDP);
    await server.freeze();
    using sender = DatagramSocket.connect({ host: "127.0.0.1", port: server.port });
    for (let i = 0; i < 5000; i++) sender.send(new Uint8Array(1000));
    server.kill("SIGCONT");
    const { bytes_in } = await server.statsAtRest();
    await server.stop();
    const [, lost] = /\[warn\] ([\d,]+) datagrams lost here: /.exec(server.stderr()) ?? [];
    expect(bytes_in / 1000 + Number(lost?.replace(",", ""))).toBe(5000);
  });

  it("refuses services that would flood a forged sender, and what needs connections", async () => {
    for (
      const [args, words] of [
        [["--service", "chargen"], "chargen"],
        [["--max-buffer", "1MiB"], "options '--udp' and '--max-buffer' exclude each other"],
      ] as const
    ) {
      const run = spawnCli(["serve", ...UDP, ...args]);
      expect((await run.exit).code).toBe(2);
      expect(run.stderr()).toContain(words);
    }
  });
});

describe("client --udp", () => {
  it("prints all that came while stdout's reader is slow, in whatever time it ends by itself", async () => {
    await using server = await startServe(UDP);
    for (const time of ["--grace", "--quit-after"]) {
      const args = ["--udp", time, "200ms", `127.0.0.1:${server.port}`];
      const line = 'head -c 131072 /dev/zero | "$@" | { sleep 1.5; wc -c >&2; }';
      await using cli = shellClient(line, args);
      await cli.exit;
      expect([time, Number(cli.stderr)]).toEqual([time, 131_072]);
    }
  });

  it("sends stdin, prints the answers, and ends when no more come", async () => {
    await using server = await startServe([...UDP, "--service", "upper"]);
    expect(await client(server.port, "hello\n")).toEqual({
      code: 0,
      stdout: "HELLO\n",
      stderr: "",
    });
  });

  it("cuts a long standard input into several datagrams, and loses none of it", async () => {
    await using server = await startServe(UDP);
    const text = "0123456789".repeat(5000);
    expect((await client(server.port, text, "-q", "2s")).stdout).toBe(text);
  });

  it("says with -v from where to where it sends, as other commands write addresses", async () => {
    await using server = await startServe(UDP);
    const { code, stderr } = await client(server.port, "hello\n", "-v");
    expect(code).toBe(0);
    const lines = /^iomux: sending from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:(\d+)$/m;
    expect(lines.exec(stderr)?.[1]).toBe(String(server.port));
  });

  it("ends with -i by exit 4 and a line, whether stdin has ended, and whatever waits for stdout's reader", async () => {
    using silent = DatagramSocket.bind({ host: "127.0.0.1" });
    const { port } = silent.localAddress as { port: number };
    const idle = "iomux: nothing came or went for 1 s\n";
    const quiet = await client(port, "go", "-i", "1s", "--grace", "9s");
    expect(quiet).toEqual({ code: 4, stdout: "", stderr: idle });
    expect((await client(port, "go", "-i", "9s", "--grace", "300ms")).code).toBe(0);
    await using server = await startServe(UDP);
    const args = ["--udp", "-i", "1s", `127.0.0.1:${server.port}`];
    const line = '{ head -c 131072 /dev/zero | "$@"; echo "exit $?" >&2; } | sleep 4';
    await using blocked = shellClient(line, args);
    await blocked.exit;
    expect(blocked.stderr).toBe(`${idle}exit 4\n`);
  });

  itUnless(
    NOT_LINUX,
    "says how many came while stdout's reader was slow, and were lost",
    async () => {
      using sender = DatagramSocket.bind({ host: "127.0.0.1" });
      const line = 'echo go | "$@" | { sleep 1; wc -c >&2; }';
      await using cli = shellClient(line, ["--udp", `127.0.0.1:${sender.port}`]);
      let asked: ReturnType<typeof sender.recvFrom> = null;
      expect(await until(() => (asked = sender.recvFrom(buffer)) !== null, 15_000)).toBe(true);
      const { host, port } = asked!.from as { host: string; port: number };
      for (let i = 0; i < 5000; i++) sender.sendTo(new Uint8Array(1000), { host, port });
      await cli.exit;
      const [, printed] = /^(\d+)$/m.exec(cli.stderr)!;
      const [, lost] = /^iomux: ([\d,]+) datagrams lost here: /m.exec(cli.stderr)!;
      expect(Number(printed) / 1000 + Number(lost!.replace(",", ""))).toBe(5000);
    },
  );

  it("says that nobody listens, with exit code 3", async () => {
    const port = getAvailablePort();
    const { code, stderr } = await client(port, "anybody?\n", "-q", "5s");
    expect(`${code} ${stderr}`).toContain(`127.0.0.1:${port}: ECONNREFUSED`);
    expect(code).toBe(3);
  });

  it("excludes what datagrams have not", async () => {
    const { code, stderr } = await client(9, "", "--tls");
    expect(`${code} ${stderr}`).toContain(
      "2 iomux: options '--udp' and '--tls' exclude each other",
    );
  });
});
