// A system without OpenSSL 3: TLS is refused in one sentence, and all else works.
import { describe, expect, it } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { linuxPackage } from "../../lib/tls/missing.ts";
import { cliCommand } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_TLS } from "./certificates.ts";

/** Runs a command in a mount namespace of its own, in which libssl is an empty file. */
const HIDE = 'for f in $(ldconfig -p | sed -n "s/.*libssl[.]so[.]3.* => //p"); ' +
  'do mount --bind /dev/null "$f" || exit 99; done; exec "$@"';
const hidden = (args: string[], cwd?: string) =>
  spawnSync("unshare", ["-rm", "sh", "-c", HIDE, "sh", ...cliCommand(args).flat()], {
    encoding: "utf8",
    timeout: 20_000,
    cwd,
  });

/** Whoever loads it writes a file into the current folder. */
const PLANTED = `#include <stdio.h>
__attribute__((constructor)) static void loaded(void) { fclose(fopen("loaded", "w")); }
`;
const NAMES = ["libc.so.6", "libc.so", "libdl.so.2", "libcrypto.so.3", "libssl.so.3"];

/** A folder with a library under each name that iomux asks for. */
function plant(): TempDir {
  const folder = new TempDir();
  writeFileSync(folder.file("planted.c"), PLANTED);
  const [first = "", ...others] = NAMES.map((name) => folder.file(name));
  execFileSync("cc", ["-shared", "-fPIC", "-o", first, folder.file("planted.c")]);
  for (const other of others) copyFileSync(first, other);
  return folder;
}

const NO_UNSHARE = NO_TLS ??
  (spawnSync("unshare", ["-rm", "sh", "-c", HIDE, "sh", "true"]).status === 0
    ? undefined
    : "mount namespaces are not allowed here");
const NO_CC = spawnSync("cc", ["--version"]).status === 0 ? undefined : "there is no C compiler";

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
          /^iomux: Cannot use TLS: OpenSSL 3 can't be loaded \(libssl\.so\.3\); install (it with: .*|your system's package of OpenSSL 3)\n$/,
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

  itUnless(
    NO_UNSHARE ?? NO_CC,
    "loads no library from the current folder, whether the system has OpenSSL or not",
    () => {
      using certificates = new Certificates();
      using folder = plant();
      const args = ["stress", "127.0.0.1:1", "--tls", "--tls-ca", certificates.ca, "-n", "1"];
      const without = hidden(args, folder.path);
      expect(without.stderr).toContain("OpenSSL 3 can't be loaded");
      expect(without.status).toBe(2);
      const [command, all] = cliCommand(args);
      const { status } = spawnSync(command, all, { cwd: folder.path, timeout: 20_000 });
      expect(status).toBe(3); // OpenSSL was loaded, and nobody listens on port 1
      expect(existsSync(folder.file("loaded"))).toBe(false);
    },
  );

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
