// A release from its version: each of its files is installed and tried, as far as this machine allows.
import { afterAll, describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { installInto, run } from "../support/package.ts";
import { itUnless } from "../support/systems.ts";

const VERSION = "9.8.7";
const release = join(root, "dist", "release");
const scratch = new TempDir();
afterAll(() => scratch[Symbol.dispose]());

// As the module loads and not in a hook, for which runners allow less time.
const built = spawnSync(
  "node",
  ["scripts/release.mjs", VERSION, "--targets", "linux-x64,windows-x64"],
  { cwd: root, encoding: "utf8" },
);
if (built.status !== 0) throw new Error(`release.mjs: ${built.stdout}${built.stderr}`);

/** Why a test can't run that takes a command, or root. */
const without = (command: string) =>
  spawnSync(command, ["--version"]).error ? `there is no ${command}` : undefined;
const notRoot = process.getuid?.() === 0 ? undefined : "it takes root";

/** An empty folder. */
function folder(name: string): string {
  mkdirSync(scratch.file(name));
  return scratch.file(name);
}

const manuals = ["iomux.1", "iomux-serve.1", "iomux-client.1", "iomux-stress.1"];
const completions = ["_iomux", "iomux.bash", "iomux.fish", "iomux.ps1"];

/** Fails unless the folder of an archive has all that belongs into it. */
function expectComplete(unpacked: string): void {
  const names = readdirSync(unpacked, { recursive: true, encoding: "utf8" });
  for (const name of ["LICENSE", "README.md", ...manuals.map((page) => join("man", page))]) {
    expect(names).toContain(name);
  }
  const readme = readFileSync(join(unpacked, "README.md"), "utf8");
  for (const [, target] of readme.matchAll(/\]\(([^)]+)\)/g)) expect(names).toContain(target!);
  for (const name of completions) expect(names).toContain(join("completions", name));
}

describe("a release", () => {
  it("refuses what is no version, or no target", () => {
    for (
      const args of [[], ["1.2"], ["v1.2.3"], ["1.2.3", "--targets", "amiga"], ["1.2.3", "--bogus"]]
    ) {
      const { status } = spawnSync("node", ["scripts/release.mjs", ...args], { cwd: root });
      expect(`${args} ${status}`).toBe(`${args} 2`);
    }
  });

  it("leaves the files of the checkout as they were", () => {
    const { scripts, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(scripts.test).toBeDefined();
    expect(version).not.toBe(VERSION);
    expect(existsSync(join(root, "README.zh-CN.md"))).toBe(true);
  });

  it("has the sums of all its files", () => {
    const sums = readFileSync(join(release, "SHA256SUMS"), "utf8");
    const files = readdirSync(release, { withFileTypes: true }).filter((entry) => entry.isFile());
    expect(sums.trimEnd().split("\n").length).toBe(files.length - 1);
    expect(run("sha256sum", ["-c", "SHA256SUMS"], release)).not.toContain("FAILED");
    expect(sums).toContain("  iomux-container.tar.gz\n");
    // What is published is what has sums: the workflow adds no file of its own.
    const workflow = readFileSync(join(root, ".github/workflows/release.yml"), "utf8");
    expect(workflow).not.toContain("-czf");
  });

  it("has an archive whose program says the version, and verifies a load", () => {
    const at = folder("tar");
    run("tar", ["-xzf", join(release, `iomux-${VERSION}-linux-x64.tar.gz`)], at);
    const unpacked = join(at, `iomux-${VERSION}-linux-x64`);
    expectComplete(unpacked);
    expect(run(join(unpacked, "iomux"), ["--version"], at)).toBe(`${VERSION}\n`);
    const load = ["stress", "-c", "2", "-n", "100", "--json"];
    expect(JSON.parse(run(join(unpacked, "iomux"), load, at)).messages.verified).toBe(100);
  });

  itUnless(without("python3"), "has a zip for Windows that another program can read", () => {
    const at = folder("zip");
    const archive = join(release, `iomux-${VERSION}-windows-x64.zip`);
    run("python3", ["-m", "zipfile", "-t", archive], at);
    run("python3", ["-m", "zipfile", "-e", archive, at], at);
    const unpacked = join(at, `iomux-${VERSION}-windows-x64`);
    expectComplete(unpacked);
    expect(readFileSync(join(unpacked, "iomux.exe")).subarray(0, 2).toString()).toBe("MZ");
  });

  itUnless(without("mandoc"), "has manual pages that mandoc finds nothing wrong with", () => {
    const at = folder("man");
    run("tar", ["-xzf", join(release, `iomux-${VERSION}-linux-x64.tar.gz`)], at);
    const pages = join(at, `iomux-${VERSION}-linux-x64`, "man");
    const all = readdirSync(pages).map((page) => join(pages, page));
    expect(run("mandoc", ["-Tlint", "-Wwarning", ...all], at)).toBe("");
  });

  it("has an npm package of that version", () => {
    const at = folder("npm");
    installInto(at, join(release, `iomux-${VERSION}.tgz`));
    expect(run("npx", ["--no-install", "iomux", "--version"], at)).toBe(`${VERSION}\n`);
  });

  itUnless(
    without("apt-get") ?? notRoot,
    "has a Debian package that apt installs and removes",
    () => {
      const deb = join(release, `iomux_${VERSION}_amd64.deb`);
      const apt = (...args: string[]) =>
        run("apt-get", ["-qq", "-y", "-o", "DPkg::Lock::Timeout=60", ...args], scratch.path);
      try {
        apt("install", "--no-install-recommends", deb);
        expect(run("/usr/bin/iomux", ["--version"], scratch.path)).toBe(`${VERSION}\n`);
        const files = run("dpkg", ["-L", "iomux"], scratch.path);
        for (const page of manuals) expect(files).toContain(`/usr/share/man/man1/${page}.gz`);
        expect(files).toContain("/usr/share/bash-completion/completions/iomux");
      } finally {
        apt("purge", "iomux");
      }
      expect(existsSync("/usr/bin/iomux")).toBe(false);
    },
  );

  const container = join(release, "container");

  itUnless(
    notRoot,
    "has an image whose files are enough for a plain user, and its health check",
    () => {
      const file = readFileSync(join(container, "Containerfile"), "utf8");
      const [, user] = /^USER (\d+:\d+)$/m.exec(file)!;
      const check: string[] = JSON.parse(/^HEALTHCHECK .*CMD (\[.*\])$/m.exec(file)![1]!);
      // As a container's: a /proc and a network of its own, where port 9999 is free.
      const script = `
      set -e; root=$1 out=$2; shift 2
      mount -t proc proc "$root/proc"; ip link set lo up
      in_image() { chroot --userspec=${user} "$root" "$@"; }
      chroot --userspec=${user} "$root" /usr/bin/iomux serve >"$out" & server=$!
      for try in $(seq 100); do
        if grep -q listening "$out" && in_image "$@" >/dev/null 2>&1; then healthy=yes; break; fi
        sleep 0.2
      done
      cat "$out"
      code=0; kill -TERM $server; wait $server || code=$?; echo "exit $code healthy $healthy"`;
      const rootfs = join(container, "rootfs");
      const args = [
        "-n",
        "-m",
        "-p",
        "-f",
        "sh",
        "-c",
        script,
        "sh",
        rootfs,
        scratch.file("out"),
        ...check,
      ];
      const { stdout } = spawnSync("unshare", args, { encoding: "utf8", timeout: 60_000 });
      expect(stdout).toMatch(/^listening on 0\.0\.0\.0:9999\n/);
      expect(stdout).toMatch(/\nexit 0 healthy yes\n$/);
    },
  );

  const noBuilder = spawnSync("docker", ["version"], { timeout: 10_000 }).status === 0
    ? undefined
    : "no docker answers here";
  itUnless(noBuilder, "has a Containerfile that a builder makes an image of", () => {
    const args = ["build", "-q", "-f", "Containerfile", "-t", "iomux-release-test", "."];
    run("docker", args, container);
    try {
      const version = ["run", "--rm", "iomux-release-test", "--version"];
      expect(run("docker", version, container)).toContain(VERSION);
    } finally {
      run("docker", ["rmi", "-f", "iomux-release-test"], container);
    }
  });

  itUnless(without("ruby"), "has a formula that ruby can read", () => {
    expect(run("ruby", ["-c", join(release, "iomux.rb")], release)).toBe("Syntax OK\n");
  });

  it("has a formula with the sums of its archives", () => {
    const formula = readFileSync(join(release, "iomux.rb"), "utf8");
    const sums = readFileSync(join(release, "SHA256SUMS"), "utf8");
    const [, url, sum] = /url "(.*linux-x64\.tar\.gz)"\n *sha256 "(.*)"/.exec(formula)!;
    expect(sums).toContain(`${sum}  ${url!.split("/").at(-1)}\n`);
    expect(existsSync(new URL(url!))).toBe(true); // without --url they are where they were built
    expect(formula).toContain(`version "${VERSION}"`);
  });
});
