// What `npm ci` installs: exact versions, from no named place, for the Node that README.md asks for.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/cli.ts";

interface Locked {
  version?: string;
  resolved?: string;
  engines?: { node?: string };
}

const read = (path: string) => readFileSync(join(root, path), "utf8");
const locked = (path: string): [name: string, about: Locked][] =>
  Object.entries(JSON.parse(read(path)).packages as Record<string, Locked>)
    .filter(([name]) => name !== "");

/** The oldest Node of the README: "only Node 20". */
const OLDEST = Number(/\bNode (\d+) and npm\b/.exec(read("README.md"))?.[1]);

/** Whether a range like "^18.14.0 || >= 20" lets in the last of a major version. */
const letsIn = (range: string, major: number): boolean =>
  range.split("||").some((part) => {
    const [, operator, version] = /^\s*(\^|>=|~)?\s*v?(\d+)/.exec(part) ?? [];
    return operator === ">=" ? Number(version) <= major : Number(version) === major;
  });

describe("the locked packages", () => {
  it("are for the oldest Node that README.md names, so that npm ci has nothing to warn of", () => {
    expect(OLDEST).toBeGreaterThanOrEqual(20);
    const tooNew = locked("package-lock.json")
      .filter(([, { engines }]) => engines?.node && !letsIn(engines.node, OLDEST))
      .map(([name, { version, engines }]) => `${name} ${version}: ${engines!.node}`);
    expect(tooNew).toEqual([]);
  });

  it("name no place to download them from", () => {
    for (const path of ["package-lock.json", "toolchain/package-lock.json"]) {
      expect(locked(path).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    }
  });

  it("are exact versions in package.json, all of them for development", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json"));
    expect(dependencies).toBe(undefined);
    for (const version of Object.values(devDependencies)) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  it("the checker finds what is too new", () => {
    expect(letsIn(">=22.12.0", 20)).toBe(false);
    expect(letsIn("^18.14.0 || ^20.0.0 || >=24.0.0", 20)).toBe(true);
    expect(letsIn("^18.14.0 || ^22.0.0", 20)).toBe(false);
    expect(letsIn(">= 14.6", 20)).toBe(true);
  });
});
