// A release from its version: each of its files is installed and tried, as far as this machine allows.
import { afterAll, describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { formulaText } from "../../scripts/release/formula.ts";
import { root } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { installInto, run } from "../support/package.ts";
import { itUnless } from "../support/systems.ts";

/** A pre-release: all that a release can be, and one thing more that packagers must understand. */
const VERSION = "9.8.7-rc.1";
const release = join(root, "dist", "release");
const scratch = new TempDir();
afterAll(() => scratch[Symbol.dispose]());

// As the module loads and not in a hook, for which runners allow less time.
const built = spawnSync(
  "node",
  ["scripts/release.mjs", VERSION, "--targets", "linux-x64,windows-x64", "--level", "1"],
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
      const args of [
        ...[[], ["1.2"], ["v1.2.3"], ["01.2.3"], ["1.2.03"], ["1.2.3-rc.01"], ["1.2.3-rc..1"]],
        ...[["1.2.3", "--targets", "amiga"], ["1.2.3", "--bogus"], ["1.2.3", "--level", "0"]],
      ]
    ) {
      const { status } = spawnSync("node", ["scripts/release.mjs", ...args], { cwd: root });
      expect(`${args} ${status}`).toBe(`${args} 2`);
    }
  });

  it("prints its usage when asked, and makes nothing", () => {
    for (const args of [["--help"], ["-h"], ["1.2.3", "--help"]]) {
      const node = ["scripts/release.mjs", ...args];
      const { status, stdout, stderr } = spawnSync("node", node, { cwd: root, encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^usage: release\.mjs VERSION .*\n$/s);
      for (const option of ["--url", "--targets", "--level"]) expect(stdout).toContain(option);
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

  it("has tried to publish to JSR the README of the package, not that of the checkout", () => {
    const at = folder("jsr");
    run("tar", ["-xzf", join(release, `iomux-${VERSION}.tgz`)], at);
    const size = readFileSync(join(at, "package", "README.md")).length;
    expect(size).not.toBe(readFileSync(join(root, "README.md")).length);
    // As deno writes sizes.
    const written = size < 1024 ? `${size}B` : `${Number((size / 1024).toFixed(2))}KB`;
    expect(built.stdout).toContain(
      `made a dry run of publishing to JSR, with README.md (${written})\n`,
    );
  });

  itUnless(without("dpkg-deb"), "has a Debian package that sorts before the release", () => {
    const deb = join(release, `iomux_${VERSION}_amd64.deb`);
    const version = run("dpkg-deb", ["-f", deb, "Version"], scratch.path).trim();
    expect(version).toBe("9.8.7~rc.1");
    run("dpkg", ["--compare-versions", version, "lt", "9.8.7"], scratch.path);
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

  it("has an image in whose /tmp every user can write, and root owns its files", () => {
    const archive = join(release, "iomux-container.tar.gz");
    const files = run("tar", ["--numeric-owner", "-tvzf", archive], scratch.path);
    expect(files).toMatch(/^drwxrwxrwt 0\/0 .* container\/rootfs\/tmp\/$/m);
    for (const line of files.trimEnd().split("\n")) expect(line).toMatch(/^\S+ 0\/0 /);
  });

  itUnless(
    notRoot,
    "has an image whose files are enough for a plain user, and its health check",
    () => {
      const file = readFileSync(join(container, "Containerfile"), "utf8");
      const [, user] = /^USER (\d+:\d+)$/m.exec(file)!;
      const check: string[] = JSON.parse(/^HEALTHCHECK .*CMD (\[.*\])$/m.exec(file)![1]!);
      // As a container's: a /proc and a network of its own, where ports are free.
      // The check is that of the server, wherever its options have it listen.
      const [variable, metrics] = /^ENV (\w+)=(\S+)$/m.exec(file)!.slice(1);
      const script = `
      set -e; root=$1 out=$2; shift 2; export ${variable}=${metrics}
      mount -t proc proc "$root/proc"; ip link set lo up
      in_image() { chroot --userspec=${user} "$root" "$@"; }
      chroot --userspec=${user} "$root" /usr/bin/iomux serve -p 8888 >"$out" & server=$!
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
      expect(stdout).toMatch(/^listening on 0\.0\.0\.0:8888\n/);
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

  it("has a formula that says when it is for this machine only, and has no homepage then", () => {
    const formula = readFileSync(join(release, "iomux.rb"), "utf8");
    expect(formula).toMatch(/^# For this machine only: .*--url/);
    expect(formula).not.toContain("homepage");
  });

  it("has the page of the repository as the homepage, where the address of files tells it", () => {
    const page = "https://example.com/some/iomux";
    const formula = (url: string) =>
      formulaText({
        version: VERSION,
        stage: "",
        out: release,
        url,
        targets: ["linux-x64"],
        level: 1,
      });
    const published = formula(`${page}/releases/download/v${VERSION}`);
    expect(published).toContain(`homepage "${page}"\n`);
    expect(published).not.toContain("this machine");
    expect(formula("https://example.com/files")).toContain('homepage "https://example.com/files"');
  });

  it("of a tag with a hyphen is published as a pre-release", () => {
    const text = readFileSync(join(root, ".github/workflows/release.yml"), "utf8");
    const { steps } = parse(text).jobs.release;
    const { run: publish } = steps.find(({ run }: { run?: string }) => run?.includes("gh release"));
    const at = folder("gh");
    writeFileSync(join(at, "gh"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
    const arguments_ = (tag: string) => {
      const env = { ...process.env, PATH: `${at}:${process.env.PATH}`, GITHUB_REF_NAME: tag };
      const { stdout } = spawnSync("bash", ["-e", "-c", publish], { cwd: root, env });
      return String(stdout);
    };
    expect(arguments_("v1.2.3-rc.1")).toMatch(/^release create v1\.2\.3-rc\.1 .*--prerelease /);
    expect(arguments_("v1.2.3")).toMatch(/^release create v1\.2\.3 .*SHA256SUMS/);
    expect(arguments_("v1.2.3")).not.toContain("--prerelease");
  });
});
