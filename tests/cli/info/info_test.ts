// iomux info: what works here, which limits there are, and what to change for more.
import { describe, expect, it } from "bun:test";
import type { Info } from "../../../lib/cli/info/run.ts";
import { engineMissing } from "../../../lib/engine/mod.ts";
import { spawnSync } from "node:child_process";
import { type Limits, stepsFor } from "../../../lib/cli/info/advice.ts";
import { cliCommand, type CliOptions, spawnCli } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { itUnless } from "../../support/systems.ts";

async function info(args: string[], options: CliOptions = {}): Promise<string> {
  await using cli = spawnCli(["info", ...args], options);
  const { code } = await cli.exit;
  expect([code, cli.stderr()]).toEqual([0, ""]);
  return cli.stdout();
}

const dir = new TempDir();
process.on("exit", () => dir[Symbol.dispose]());

const NAMES = ["select", "poll", "epoll", "kqueue", "wsapoll"];
const { bun, deno, node } = process.versions as Record<string, string | undefined>;
const runtime = bun ? `bun ${bun}` : deno ? `deno ${deno}` : `node ${node}`;
// Deno lets a program read /proc/sys only with all permissions, which -P does not give.
const isCount = (value: unknown) => value === null || Number.isInteger(value);

describe("iomux info", () => {
  it("says the same as text", async () => {
    const text = await info([]);
    const parsed: Info = JSON.parse(await info(["--json"]));
    expect(text).toContain(parsed.version);
    expect(text).toContain(runtime);
    for (const { name, available } of parsed.selectors) {
      expect(text).toMatch(new RegExp(`^${name} +${available ? "works" : "no: "}`, "m"));
    }
    expect(text).toMatch(/^readiness +works; --engine auto takes it$/m);
    const uring = parsed.engines.find(({ name }) => name === "uring")!;
    expect(text).toMatch(uring.available ? /^uring +works$/m : /^uring +no: /m);
    expect(text).toMatch(/^open files +[\d,]+, can be raised to [\d,]+$/m);
  });

  it("is an object of the contract's keys with --json", async () => {
    const parsed: Info = JSON.parse(await info(["--json"]));
    expect(Object.keys(parsed)).toEqual([
      ...["version", "runtime", "os", "arch", "selectors", "engines", "limits"],
    ]);
    expect(parsed.runtime).toBe(runtime);
    expect(parsed.arch).toBe(process.arch);
    expect(parsed.os.startsWith("Linux ")).toBe(true);
    expect(parsed.selectors.map(({ name }) => name).toSorted()).toEqual(NAMES.toSorted());
    for (const selector of parsed.selectors) {
      expect(Object.keys(selector)).toEqual(["name", "available", "reason"]);
      const { name, available, reason } = selector;
      if (["select", "poll", "epoll"].includes(name)) expect(available).toBe(true);
      if (available) expect(reason).toBe(null);
      else expect(reason!.length).toBeGreaterThan(0);
    }
    const reason = engineMissing("uring") ?? null;
    expect(parsed.engines).toEqual([
      { name: "readiness", available: true, reason: null },
      { name: "uring", available: reason === null, reason },
    ]);
    const { open_files, port_range, ...counts } = parsed.limits;
    expect(open_files!.soft > 0 && open_files!.hard >= open_files!.soft).toBe(true);
    if (deno) expect(port_range).toBe(null);
    else expect(port_range!.first < port_range!.last).toBe(true);
    expect(Object.values(counts).every(isCount)).toBe(true);
  });

  it("shows the limits that are in force", async () => {
    const parsed: Info = JSON.parse(await info(["--json"], { openFiles: 600 }));
    expect(parsed.limits.open_files!.hard).toBe(600);
  });

  it("advises what to change for many connections", async () => {
    const text = await info(["--connections", "1m"], { openFiles: 5000 });
    expect(text).toContain("For 1,000,000 connections in one process, as root and in this order:");
    expect(text).toContain("ulimit -n 1000100");
    if (!deno) expect(text).toMatch(/# 16 source addresses, /);
    expect(text).toMatch(/^They take about 4\.56 GiB of memory on each side/m);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it("advises nothing where nothing stands in the way", async () => {
    expect(await info(["--connections", "10"])).toContain("nothing needs to change");
  });
});

describe("the advice of iomux info", () => {
  const limits: Limits = {
    ...{ open_files: { soft: 1024, hard: 20_000 }, nr_open: 1_048_576, file_max: 3_000_000 },
    ...{ somaxconn: 4096, port_range: { first: 32_768, last: 60_999 }, tcp_max_syn_backlog: 512 },
    ...{ max_user_watches: 1_000_000, nf_conntrack_max: 262_144, io_uring_disabled: 0 },
  };
  const commands = (connections: number, change: Partial<Limits> = {}) =>
    stepsFor({ ...limits, ...change }, connections).map(({ command }) => command);

  it("raises what a process may have before its ulimit, and each other limit once", () => {
    expect(commands(2_000_000)).toEqual([
      "sysctl -w fs.nr_open=2000100",
      "sysctl -w fs.file-max=4000200",
      "ulimit -n 2000100",
      "sysctl -w fs.epoll.max_user_watches=2000000",
      "sysctl -w net.netfilter.nf_conntrack_max=2500000",
      'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
      "iomux stress 127.0.0.1:9999 -c 2000000 --source 127.0.0.0/26",
    ]);
  });

  it("has no step for what suffices", () => {
    expect(commands(10_000)).toEqual([]);
    expect(commands(19_900)).toEqual([]);
    expect(commands(19_901)).toEqual(["ulimit -n 20001"]);
    expect(commands(250_000, { nf_conntrack_max: null, port_range: null })).toEqual([
      "ulimit -n 250100",
    ]);
    expect(commands(60_000, { open_files: { soft: 1, hard: Infinity }, nf_conntrack_max: null }))
      .toEqual(['sysctl -w net.ipv4.ip_local_port_range="1024 65535"']);
  });

  // Only the network's limits are those of a namespace; a hard limit can be raised by a real root alone.
  const follow = `(ulimit -n 600 && ulimit -n 700) 2> /dev/null && ulimit -n 600
echo '40000 40099' > /proc/sys/net/ipv4/ip_local_port_range
"$@" info --connections 3k | grep '^    [^#]' > "$TMP/steps"
while read -r step; do echo "$step"; eval "$step" > /dev/null; done < "$TMP/steps"
"$@" info --connections 3k | tail -1`;
  const namespace = ["--user", "--map-root-user", "--net", "sh", "-c"];
  const NO_NAMESPACE = deno
    ? "Deno reads no /proc/sys"
    : spawnSync("unshare", [...namespace, "sysctl --version"]).status === 0
    ? undefined
    : "no namespaces, or no sysctl(8)";

  itUnless(NO_NAMESPACE, "works as it stands, step by step", () => {
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      [...namespace, follow, "sh", ...cliCommand([]).flat()],
      { encoding: "utf8", env: { ...process.env, TMP: dir.path }, timeout: 30_000 },
    );
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^(ulimit -n 3100\n)?sysctl -w net.ipv4.ip_local_port_range="1024 65535"\n/,
    );
    expect(stdout).toMatch(/\nFor 3,000 connections: nothing needs to change.\n$/);
  });
});
