/** Where OpenSSL 3 comes from on this system. */
import { readFileSync } from "node:fs";
import { sslName } from "../sys/openssl.ts";
import { on } from "../sys/system.ts";

/** By the ID or ID_LIKE of os-release(5): what brings libssl.so.3. */
const LINUX: Readonly<Record<string, string>> = {
  debian: "apt-get install openssl",
  ubuntu: "apt-get install openssl",
  alpine: "apk add libssl3",
  fedora: "dnf install openssl-libs",
  rhel: "dnf install openssl-libs",
  arch: "pacman -S openssl",
  suse: "zypper install libopenssl3",
  opensuse: "zypper install libopenssl3",
};

/** The command that installs it, by the text of os-release(5). */
export function linuxPackage(release: string): string | undefined {
  const values = (key: string) =>
    release.match(new RegExp(`^${key}=(.*)$`, "m"))?.[1]?.replaceAll('"', "").split(/\s+/) ?? [];
  return [...values("ID"), ...values("ID_LIKE")].map((id) => LINUX[id]).find((found) => found);
}

function osRelease(): string {
  try {
    return readFileSync("/etc/os-release", "latin1");
  } catch {
    return "";
  }
}

/** One sentence: that OpenSSL is missing, and what installs it. */
export function opensslMissing(): string {
  const command = on<string | undefined>(
    linuxPackage(osRelease()),
    "brew install openssl@3",
    "pkg install openssl",
    "winget install Git.Git",
  );
  const remedy = command
    ? `install it with: ${command}`
    : "install your system's package of OpenSSL 3";
  return `Cannot use TLS: OpenSSL 3 can't be loaded (${sslName()}); ${remedy}`;
}
