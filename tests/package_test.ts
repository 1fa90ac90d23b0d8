// The tarball of `npm pack`, installed into a scratch project without a network and used there, on the
// runtime that runs the test: `npm test` covers all three.
import { afterAll, describe, expect, it } from "bun:test";
import { spawn } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { getAvailablePort } from "../lib/net/mod.ts";
import { root } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";
import { filesIn, installInto, pack, run } from "./support/package.ts";

// As the module loads and not in a hook, for which runners allow less time.
const scratch = new TempDir();
installInto(scratch.path, pack(scratch.path));
cpSync(join(root, "tests/support/package/echo.ts"), scratch.file("echo.ts"));
afterAll(() => scratch[Symbol.dispose]());

const installed = scratch.file("node_modules/iomux");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));

/**
 * How this runtime runs a file of the scratch project: Deno with no more rights than the library needs,
 * and not without checking the types itself.
 */
const runtime = process.versions.bun
  ? []
  : process.versions.deno
  ? ["run", "-q", "--check", "--allow-ffi", "--allow-env"]
  : ["--no-warnings"];

describe("the package", () => {
  it("brings no other package along", () => {
    expect(readdirSync(scratch.file("node_modules")).filter((f) => !f.startsWith("."))).toEqual([
      "iomux",
    ]);
    for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
      expect(manifest[kind]).toBe(undefined);
    }
    expect(existsSync(join(installed, "node_modules"))).toBe(false);
  });

  it("holds the library as JavaScript with its declarations, and nothing else of the checkout", () => {
    const files = filesIn(installed);
    const papers = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
    expect(files.filter((file) => !file.startsWith("dist/"))).toEqual(papers);

    const modules = files.filter((file) => file.startsWith("dist/"))
      .map((file) => /^dist\/package\/(.*?)(\.d\.ts|\.js)$/.exec(file)?.slice(1, 3) ?? [file, "?"]);
    const endingIn = (wanted: string) => modules.filter(([, e]) => e === wanted).map(([m]) => m!);
    expect(endingIn("?")).toEqual([]);
    expect(endingIn(".js")).toEqual(endingIn(".d.ts"));

    const sources = filesIn(join(root, "lib")).map((file) => file.replace(/\.ts$/, ""));
    const all = endingIn(".js");
    for (const module of all) {
      expect(sources).toContain(module);
      expect(module).toMatch(/^(mod$|selectors\/|net\/|sys\/)/);
    }
    // What of sys/ only the command line needs stays out; selectors and net are there as a whole.
    for (const module of sources) {
      if (/^(mod$|selectors\/|net\/)/.test(module)) expect(all).toContain(module);
    }
  });

  it("exports files that it has, under the names that deno.json exports", () => {
    const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
    expect(Object.keys(manifest.exports)).toEqual(Object.keys(exports));
    for (const entry of Object.values<Record<string, string>>(manifest.exports)) {
      expect(Object.keys(entry)).toEqual(["types", "default"]);
      for (const path of Object.values(entry)) expect(existsSync(join(installed, path))).toBe(true);
    }
  });

  it("is imported by its three names, and echoes over every selector there is", () => {
    const output = run(process.execPath, [...runtime, "echo.ts"], scratch.path).trim().split("\n");
    for (const name of ["select", "poll"]) {
      expect(output).toContain(`${name} hello by ${name}`);
      expect(output).toContain(`${name} told later`);
    }
    expect(output.at(-1)).toBe("EBADF");
  });

  it("runs the example of README.md", async () => {
    const readme = readFileSync(join(installed, "README.md"), "utf8");
    const [, example] = /^```ts\n(import [\s\S]*?)^```$/m.exec(readme)!;
    const port = getAvailablePort();
    writeFileSync(scratch.file("readme.ts"), example!.replace("9999", `${port}`));
    const server = spawn(process.execPath, [...runtime, "readme.ts"], { cwd: scratch.path });
    let stderr = "";
    server.stderr.on("data", (chunk) => stderr += chunk);
    try {
      const reply = await answer(port, "hello", () => server.exitCode !== null);
      expect({ reply, stderr }).toEqual({ reply: "hello", stderr: "" });
    } finally {
      if (server.exitCode === null) process.kill(server.pid!, "SIGKILL");
    }
  });

  it("has declarations that name the files that are there", () => {
    for (const file of filesIn(installed).filter((file) => file.endsWith(".d.ts"))) {
      const text = readFileSync(join(installed, file), "utf8").replace(/^\s*\/?\*.*$/gm, "");
      for (const [, target] of text.matchAll(/(?:from |import\()"(.*?)"/g)) {
        expect(target).toMatch(/^\.\.?\/.*\.js$/);
        expect(existsSync(join(installed, file, "..", target!))).toBe(true);
      }
    }
  });

  for (const target of ["es2022", "esnext"]) {
    it(`has types for strict programs of target ${target} without @types/node`, () => {
      const tsc = join(root, "node_modules/typescript/bin/tsc");
      const options = [
        ...["--noEmit", "--strict", "--skipLibCheck", "false", "--types", ""],
        ...["--target", target, "--module", "nodenext"],
      ];
      expect(run("node", [tsc, ...options, "echo.ts"], scratch.path)).toBe("");
    });
  }
});

/** Asks a server that may still be starting; "" when it has ended or does not answer in time. */
async function answer(port: number, question: string, ended: () => boolean): Promise<string> {
  for (const deadline = performance.now() + 15_000; performance.now() < deadline && !ended();) {
    const reply = await new Promise<string>((resolve) => {
      let text = "";
      const peer = connect(port, "127.0.0.1", () => peer.end(question));
      peer.setTimeout(5000, () => peer.destroy());
      peer.on("data", (chunk) => text += chunk);
      peer.on("error", () => {});
      peer.on("close", () => resolve(text));
    });
    if (reply !== "") return reply;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return "";
}
