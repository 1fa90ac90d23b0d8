// iomux info: what works here, which limits there are, and what to change for more.
import { describe, expect, it } from "bun:test";
import type { Info } from "../../../lib/cli/info/run.ts";
import { type CliOptions, spawnCli } from "../../support/cli.ts";

async function info(args: string[], options: CliOptions = {}): Promise<string> {
  await using cli = spawnCli(["info", ...args], options);
  const { code } = await cli.exit;
  expect([code, cli.stderr()]).toEqual([0, ""]);
  return cli.stdout();
}

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
    expect(text).toMatch(/^open files +[\d,]+, can be raised to [\d,]+$/m);
  });

  it("is an object of the contract's keys with --json", async () => {
    const parsed: Info = JSON.parse(await info(["--json"]));
    expect(Object.keys(parsed)).toEqual([
      ...["version", "runtime", "os", "arch", "selectors", "limits"],
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
    expect(text).toContain("For 1,000,000 connections:");
    expect(text).toContain("ulimit -n 1000100");
    if (!deno) expect(text).toMatch(/local ports: .* source addresses/);
  });

  it("advises nothing where nothing stands in the way", async () => {
    expect(await info(["--connections", "10"])).toContain("nothing needs to change");
  });

  it("works where native calls are refused, and says why there are no selectors", async () => {
    if (bun) return; // it can't be told to refuse them
    const refused = deno
      ? { denoFlags: ["--no-prompt", "--allow-read", "--allow-env", "--allow-sys"] }
      : { env: { NODE_OPTIONS: "--no-experimental-ffi" } };
    const parsed: Info = JSON.parse(await info(["--json"], refused));
    expect(parsed.selectors.map(({ name }) => name)).toEqual(NAMES);
    for (const { available, reason } of parsed.selectors) {
      expect(available).toBe(false);
      expect(reason).toMatch(/ffi/i);
    }
    expect(parsed.limits.open_files).toBe(null);
    expect(parsed.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(await info(["--connections", "1m"], refused)).toContain("For 1,000,000 connections");
  });
});
