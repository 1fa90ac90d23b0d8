// A system without OpenSSL 3: TLS is refused in one sentence, and all else works.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { linuxPackage } from "../../lib/tls/missing.ts";
import { cliCommand } from "../support/cli.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_TLS } from "./certificates.ts";

/** Runs a command in a mount namespace of its own, in which libssl is an empty file. */
const HIDE = 'for f in $(ldconfig -p | sed -n "s/.*libssl[.]so[.]3.* => //p"); ' +
  'do mount --bind /dev/null "$f" || exit 99; done; exec "$@"';
const hidden = (args: string[]) =>
  spawnSync("unshare", ["-rm", "sh", "-c", HIDE, "sh", ...cliCommand(args).flat()], {
    encoding: "utf8",
    timeout: 20_000,
  });

const NO_UNSHARE = NO_TLS ??
  (spawnSync("unshare", ["-rm", "sh", "-c", HIDE, "sh", "true"]).status === 0
    ? undefined
    : "mount namespaces are not allowed here");

describe("iomux without OpenSSL 3", () => {
  itUnless(
    NO_UNSHARE,
    "refuses TLS options in one sentence that says what to install: exit 2",
    () => {
      using certificates = new Certificates();
      const { cert, key } = certificates.identity();
      for (
        const args of [
          ["serve", "-H", "127.0.0.1", "-p", "0", "--tls-cert", cert, "--tls-key", key],
          ["client", "127.0.0.1:1", "--tls"],
          ["stress", "127.0.0.1:1", "--tls", "--tls-insecure", "-n", "1"],
        ]
      ) {
        const { status, stderr, stdout } = hidden(args);
        expect(stderr).toMatch(
          /^iomux: Cannot use TLS: OpenSSL 3 can't be loaded \(.*libssl\.so\.3.*\); install (it with: .*|your system's package of OpenSSL 3)\n$/,
        );
        expect(status).toBe(2);
        expect(stdout).toBe("");
      }
    },
  );

  itUnless(NO_UNSHARE, "works where TLS is not asked for", () => {
    const { status, stderr } = hidden(["stress", "-n", "20000", "-c", "2"]);
    expect(stderr).not.toContain("TLS");
    expect(status).toBe(0);
  });

  it("the package is named after the distribution, or the one that it is like", () => {
    expect(linuxPackage('NAME="Debian GNU/Linux"\nID=debian\n')).toBe("apt-get install openssl");
    expect(linuxPackage('ID="linuxmint"\nID_LIKE="ubuntu debian"\n')).toBe(
      "apt-get install openssl",
    );
    expect(linuxPackage('ID="rocky"\nID_LIKE="rhel centos fedora"\n')).toBe(
      "dnf install openssl-libs",
    );
    expect(linuxPackage("ID=alpine\n")).toBe("apk add libssl3");
    expect(linuxPackage("ID=plan9\n")).toBe(undefined);
    expect(linuxPackage("")).toBe(undefined);
  });
});
