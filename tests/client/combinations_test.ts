// Options that exclude each other, and variables beside what was typed.
import { describe, expect, it } from "bun:test";
import { spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { refusals } from "../support/usages.ts";
import { echoPeer } from "./peers.ts";

describe("iomux client and its options", () => {
  it("has nothing to do with IOMUX_SELECTOR", async () => {
    await using echo = await echoPeer();
    const env = { IOMUX_SELECTOR: "bogus" };
    await using cli = spawnCli(["client", echo.name], { stdin: "hello", env });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([0, "hello"]);
  });

  it("takes what was typed rather than a variable that excludes it", async () => {
    await using six = await echoPeer("::1");
    const cases: [env: Record<string, string>, ...args: string[]][] = [
      [{ IOMUX_CLIENT_IPV4: "1" }, "-6", `localhost:${six.port}`],
      [{ IOMUX_CLIENT_IPV4: "1" }, "-s", "::1", `localhost:${six.port}`],
      [{ IOMUX_CLIENT_SOURCE: "127.0.0.1" }, "-6", `localhost:${six.port}`],
      [{ IOMUX_CLIENT_SCAN: "1" }, "-x", `[::1]:${six.port}`],
    ];
    for (const [env, ...args] of cases) {
      await using cli = spawnCli(["client", ...args], { stdin: "six", env });
      expect([args, (await cli.exit).code]).toEqual([args, 0]);
      expect(cli.stdout()).toBe("six");
    }
    using folder = new TempDir();
    const path = folder.file("s");
    await using _local = await echoPeer(path);
    const listens = { IOMUX_CLIENT_LISTEN: "127.0.0.1:0", IOMUX_CLIENT_KEEP_LISTENING: "1" };
    for (const target of [[`[::1]:${six.port}`], ["::1", `${six.port}`], ["-U", path], [path]]) {
      await using cli = spawnCli(["client", ...target], { stdin: "sent", env: listens });
      expect([target, (await cli.exit).code, cli.stdout()]).toEqual([target, 0, "sent"]);
    }
    await using cli = spawnCli(["client", "--recv-only", `[::1]:${six.port}`, "-i", "300ms"], {
      ...{ stdin: "six", env: { IOMUX_CLIENT_SEND_ONLY: "1" } },
    });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([4, ""]);
  });

  it("names the variable of an option that it refuses", async () => {
    const cases: [env: Record<string, string>, line: string, message: RegExp][] = [
      [
        { IOMUX_CLIENT_IPV4: "1", IOMUX_CLIENT_IPV6: "1" },
        "localhost:1",
        /'--ipv4' is from IOMUX_CLIENT_IPV4; '--ipv6' is from IOMUX_CLIENT_IPV6$/m,
      ],
      [
        { IOMUX_CLIENT_LISTEN: "80", IOMUX_CLIENT_TLS: "1" },
        "",
        /need '--tls-cert'.*; '--listen' is from IOMUX_CLIENT_LISTEN; '--tls' is from IOMUX_CLIENT_TLS$/m,
      ],
      [
        { IOMUX_CLIENT_LISTEN: "x.sock" },
        "",
        /no port.*; '--listen' is from IOMUX_CLIENT_LISTEN$/m,
      ],
      [
        { IOMUX_CLIENT_LISTEN: "bogus:x" },
        "",
        /Unknown service "x".*; '--listen' is from IOMUX_CLIENT_LISTEN$/m,
      ],
      [
        { IOMUX_CLIENT_LISTEN: "1.2.3.4:99999" },
        "",
        /99999.*; '--listen' is from IOMUX_CLIENT_LISTEN$/m,
      ],
      [
        { IOMUX_CLIENT_IPV6: "1" },
        "127.0.0.1:1",
        /'--ipv6' is for .*, and 127\.0\.0\.1 is IPv4; '--ipv6' is from IOMUX_CLIENT_IPV6$/m,
      ],
      [
        { IOMUX_CLIENT_IPV6: "1" },
        "-z 127.0.0.1:1-5",
        /127\.0\.0\.1 is IPv4; '--ipv6' is from IOMUX_CLIENT_IPV6$/m,
      ],
      [
        { IOMUX_CLIENT_IPV4: "1" },
        "-l [::1]:1",
        /'--ipv4' is for .*, and ::1 is IPv6; '--ipv4' is from IOMUX_CLIENT_IPV4$/m,
      ],
      [
        { IOMUX_CLIENT_SOURCE: "::1" },
        "127.0.0.1:1",
        /::1 is IPv6, and 127\.0\.0\.1 is IPv4; '--source' is from IOMUX_CLIENT_SOURCE$/m,
      ],
      [
        { IOMUX_CLIENT_TLS_CERT: "c" },
        "--tls 127.0.0.1:1",
        /'--tls-key' as well; '--tls-cert' is from IOMUX_CLIENT_TLS_CERT$/m,
      ],
    ];
    const said = await refusals(
      cases.map(([env, line]) => ({ args: ["client", ...line.split(" ").filter(Boolean)], env })),
    );
    for (const [i, [, line, message]] of cases.entries()) {
      expect(`${line}: ${said[i]}`).toMatch(message);
    }
  });

  it("says what is wrong with its options, and starts nothing", async () => {
    const cases: [line: string, message: RegExp][] = [
      ["-N 127.0.0.1:1", /-N.*OpenBSD.*--no-half-close/],
      [`--unix ${"a".repeat(108)}`, /1 to 107 bytes/],
      ["-4 -6 127.0.0.1:1", /'--ipv4' and '--ipv6' exclude each other/],
      ["-k 127.0.0.1:1", /'--keep-listening' needs '--listen'/],
      ["-l", /option '--listen' needs a port: -l \[HOST:\]PORT/],
      ["-lk", /needs a port/],
      ["-l -p 9000", /use -l PORT/],
      ["-lp 9000", /use -l PORT/],
      ["-l 9000 -U s", /has no target besides/],
      ["-lU ./s 9000", /has no target besides/],
      ["-l ./s 9000", /has no target besides/],
      ["-l 127.0.0.1", /Invalid address "127.0.0.1"/],
      ["-l s.sock", /"s.sock" is no port; a Unix socket is -l -U s.sock/],
      [`-l ./${"a".repeat(108)}`, /1 to 107 bytes/],
      ["-p 9000 -l 9000", /use -l PORT/],
      ["-l 9000 -z 127.0.0.1:1", /exclude each other/],
      ["-s nonsense 127.0.0.1:1", /source.*nonsense/],
      ["-6 -s 127.0.0.1 localhost:1", /'--source' and '--ipv6' exclude each other: .* is IPv4/],
      ["-4 -z -s ::1 localhost 1", /'--source' and '--ipv4' exclude each other: ::1 is IPv6/],
      ["-z 127.0.0.1:9-1", /ends before it begins/],
      ["-w 5 127.0.0.1:1", /unit/],
      ["-l 0 --tls-cert c --tls-key k", /option '--tls-cert' needs '--tls'/],
      ["-l 0 --tls-key k", /option '--tls-key' needs '--tls'/],
      ["-l 0 --tls --tls-cert c", /option '--tls-cert' needs '--tls-key' as well/],
      ["-l 0 --tls-insecure", /exclude each other/],
      ["-l ./s --tls-cert c --tls-key k", /option '--tls-cert' needs '--tls'/],
      ["-n 127.0.0.1 1", /-n.*a name is resolved/],
      ["-d 127.0.0.1 1", /-d.*--recv-only/],
      ["--recv-only -q 1s 127.0.0.1:1", /'--recv-only' and '--quit-after' exclude each other/],
      ["-z -i 1s 127.0.0.1:1", /'--scan' and '--idle-timeout' exclude each other/],
      ["-z -q 1s 127.0.0.1:1", /'--scan' and '--quit-after' exclude each other/],
      ["-z --grace 1s 127.0.0.1:1", /'--scan' and '--grace' exclude each other/],
      ["-z --no-half-close 127.0.0.1:1", /'--scan' and '--no-half-close' exclude each other/],
      ["--recv-only --grace 1s 127.0.0.1:1", /'--recv-only' and '--grace' exclude each other/],
      ["-nvz 127.0.0.1 1", /option '-n' in '-nvz': it is not needed: an address/],
      ["-vnz 127.0.0.1 1", /option '-n' in '-vnz': it is not needed: an address/],
      [`./${"a".repeat(108)}`, /the target: .*1 to 107 bytes/],
      ["./s 80", /"\.\/s" is the path of a Unix socket, which has no port/],
      ["--script - 127.0.0.1:1", /option '--script' needs a file: .*stdin/],
      ["-l 0 -w 1s", /options '--listen' and '--connect-timeout' need '--tls' as well/],
      ["-z 127.0.0.1 1 --tls-insecure", /option '--tls-insecure' needs '--tls'/],
      ["--udp 127.0.0.1:1 --tls-ca c", /option '--tls-ca' needs '--tls'/],
    ];
    const said = await refusals(cases.map(([line]) => ({ args: ["client", ...line.split(" ")] })));
    for (const [i, [line, message]] of cases.entries()) {
      expect(`${line}: ${said[i]}`).toMatch(message);
    }
  });
});
