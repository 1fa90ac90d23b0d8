// The tarball of `npm pack`, installed into a scratch project without a network and used there, as library
// and as program, on each of the three runtimes.
import { afterAll, describe, expect, it } from "bun:test";
import { spawn } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { getAvailablePort } from "../lib/net/mod.ts";
import { root } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";
import { itUnless } from "./support/systems.ts";
import { attempt, filesIn, installInto, oldNode, pack, run } from "./support/package.ts";

// As the module loads and not in a hook, for which runners allow less time.
const scratch = new TempDir();
const saidByNpm = installInto(scratch.path, pack(scratch.path));
cpSync(join(root, "tests/support/package/echo.ts"), scratch.file("echo.ts"));
afterAll(() => scratch[Symbol.dispose]());

const installed = scratch.file("node_modules/iomux");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** How each runtime runs a file of the scratch project: Deno with no more rights than the library needs. */
const runtimes: [name: string, ...args: string[]][] = [
  ["bun"],
  ["deno", "run", "-q", "--allow-ffi", "--allow-env"],
  ["node", "--no-warnings"],
];

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

    const program = files.filter((file) => file.startsWith("dist/package/bin/"));
    expect(program).toEqual(["dist/package/bin/iomux.js", "dist/package/bin/program.js"]);
    const modules = files.filter((file) => file.startsWith("dist/") && !program.includes(file))
      .map((file) => /^dist\/package\/(.*?)(\.d\.ts|\.js)$/.exec(file)?.slice(1, 3) ?? [file, "?"]);
    const endingIn = (wanted: string) => modules.filter(([, e]) => e === wanted).map(([m]) => m!);
    expect(endingIn("?")).toEqual([]);
    expect(endingIn(".js")).toEqual(endingIn(".d.ts"));

    const sources = filesIn(join(root, "lib")).map((file) => file.replace(/\.ts$/, ""));
    const all = endingIn(".js");
    for (const module of all) {
      expect(sources).toContain(module);
      expect(module).toMatch(/^(mod$|selectors\/|net\/|sys\/|text\/)/);
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

  it("has a package.json of its own, which npm has nothing to say about", () => {
    for (const key of ["private", "scripts", "devDependencies"]) {
      expect(`${key} ${manifest[key]}`).toBe(`${key} undefined`);
    }
    expect(manifest.engines).toEqual({ node: ">=26.1" });
    expect({ name: manifest.name, version: manifest.version }).toEqual({ name: "iomux", version });
    expect(saidByNpm).not.toMatch(/script|deprecat/i);
  });

  it("has a README whose links lead somewhere from there", () => {
    const readme = readFileSync(join(installed, "README.md"), "utf8");
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target!);
    expect(links).toContain("CHANGELOG.md");
    for (const link of links.filter((target) => !target.startsWith("https://"))) {
      expect(`${link} ${existsSync(join(installed, link))}`).toBe(`${link} true`);
    }
  });

  for (const [name, ...args] of runtimes) {
    it(`is imported by its three names on ${name}, and echoes over every selector there is`, () => {
      // Deno checks the types as well.
      const check = name === "deno" ? ["--check"] : [];
      const output = run(name, [...args, ...check, "echo.ts"], scratch.path).trim().split("\n");
      for (const selector of ["select", "poll"]) {
        expect(output).toContain(`${selector} hello by ${selector}`);
        expect(output).toContain(`${selector} told later`);
      }
      expect(output.at(-1)).toBe("EBADF");
    });

    it(`runs the example of its README on ${name}`, async () => {
      const readme = readFileSync(join(installed, "README.md"), "utf8");
      const [, example] = /^```ts\n(import [\s\S]*?)^```$/m.exec(readme)!;
      const port = getAvailablePort();
      writeFileSync(scratch.file("readme.ts"), example!.replace("9999", `${port}`));
      const server = spawn(name, [...args, "readme.ts"], { cwd: scratch.path });
      let stderr = "";
      server.stderr.on("data", (chunk) => stderr += chunk);
      try {
        const reply = await answer(port, "hello", () => server.exitCode !== null);
        expect({ reply, stderr }).toEqual({ reply: "hello", stderr: "" });
      } finally {
        if (server.exitCode === null) process.kill(server.pid!, "SIGKILL");
      }
    });
  }

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

const load = ["stress", "-c", "2", "-n", "100", "--workers", "2", "--json"];

describe("the program in the package", () => {
  const bin = "node_modules/iomux/dist/package/bin/iomux.js";
  const starts: [command: string, ...args: string[]][] = [
    ["npx", "--no-install", "iomux"],
    ["bun", "x", "--no-install", "iomux"],
    ["bun", "x", "--no-install", "--bun", "iomux"],
    ["deno", "run", "-A", "npm:iomux"],
    ["node", bin],
  ];
  for (const [command, ...args] of starts) {
    it(`runs by ${[command, ...args].join(" ")}, threads and all, and says nothing but its result`, () => {
      const { status, stdout, stderr } = attempt(command, [...args, ...load], scratch.path);
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
      expect(JSON.parse(stdout).messages).toMatchObject({ sent: 100, verified: 100 });
      expect(stderr).not.toMatch(/warning/i);
    });
  }

  it("hands on its exit code", () => {
    const { status } = attempt("node", [bin, "stress", "--bogus"], scratch.path);
    expect(status).toBe(2);
  });

  const old = oldNode();
  const noOldNode = old === undefined ? "there is no Node before 26 on PATH" : undefined;

  itUnless(
    noOldNode,
    "says in one sentence what to install where Node is old and there is no Bun",
    () => {
      mkdirSync(scratch.file("empty"), { recursive: true });
      const env = { PATH: scratch.file("empty") };
      const { status, stdout, stderr } = attempt(old!, [bin, "--version"], scratch.path, env);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toMatch(
        /^iomux: Node \d.* cannot call the system: install Node 26\.1 [^\n]*\n$/,
      );
    },
  );

  itUnless(noOldNode, "runs on a Bun or a Deno that is installed where Node is old", () => {
    for (const name of ["bun", "deno"]) {
      const folder = scratch.file(`only-${name}`);
      mkdirSync(folder, { recursive: true });
      symlinkSync(run("sh", ["-c", `command -v ${name}`], scratch.path).trim(), join(folder, name));
      const env = { PATH: folder };
      const { status, stdout } = attempt(old!, [bin, ...load], scratch.path, env);
      expect(`${name} ${status}`).toBe(`${name} 0`);
      expect(JSON.parse(stdout).messages.verified).toBe(100);
    }
  });
});

/** Asks a server that may still be starting; "" when it has ended or does not answer in time. */
async function answer(port: number, question: string, ended: () => boolean): Promise<string> {
  for (const deadline = performance.now() + 45_000; performance.now() < deadline && !ended();) {
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
