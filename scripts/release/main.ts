// A release from its version: release.mjs beside this folder starts it.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { makeArchive, makeShared } from "./archives.ts";
import { makeContainer } from "./container.ts";
import { debianPackageOf, makeDebianPackage } from "./debian.ts";
import { isHere, type Release, run, sha256, TARGETS } from "./facts.ts";
import { makeFormula } from "./formula.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

function fail(status: number, message: string): never {
  console.error(`release: ${message}`);
  process.exit(status);
}

const USAGE =
  "usage: release.mjs VERSION [--url BASE] [--targets A,B] [--level 1-9], where VERSION is like 1.2.3 or 1.2.3-rc.1";

/** A version by semver.org's grammar, without a second hyphen, which other packagers take for something else. */
const VERSION =
  /^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-(0|[1-9]\d*|\d*[A-Za-z]\w*)(\.(0|[1-9]\d*|\d*[A-Za-z]\w*))*)?$/;

function words() {
  const text = { type: "string" } as const;
  const help = { type: "boolean", short: "h" } as const;
  try {
    return parseArgs({
      allowPositionals: true,
      options: { url: text, targets: text, level: text, help },
    });
  } catch (error) {
    return fail(2, `${(error as Error).message} (${USAGE})`);
  }
}

function parse(): Release {
  const { values, positionals } = words();
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const [version, ...more] = positionals;
  if (more.length > 0 || !VERSION.test(version ?? "")) {
    fail(2, USAGE);
  }
  const targets = values.targets?.split(",") ?? TARGETS;
  const unknown = targets.find((target) => !TARGETS.includes(target));
  if (unknown !== undefined) fail(2, `no target "${unknown}" (one of: ${TARGETS.join(", ")})`);
  const level = values.level ?? "6"; // as gzip(1)
  if (!/^[1-9]$/.test(level)) fail(2, `no level "${level}" (1 to 9)`);
  const out = join(root, "dist", "release");
  return {
    version: version!,
    stage: join(root, "dist", "stage"),
    out,
    url: values.url ?? pathToFileURL(out).href,
    targets,
    level: Number(level),
  };
}

/** A copy of what git knows but for tests, which a runner in the checkout would find; with the release's version. */
function makeStage({ stage, version }: Release): void {
  for (const file of run("git", ["ls-files", "-z"], root).split("\0").filter(Boolean)) {
    if (/^(toolchain|tests)\//.test(file)) continue;
    mkdirSync(join(stage, dirname(file)), { recursive: true });
    cpSync(join(root, file), join(stage, file));
  }
  for (const folder of ["node_modules", "toolchain"]) {
    symlinkSync(join(root, folder), join(stage, folder), "junction");
  }
  for (const file of ["package.json", "deno.json"]) {
    const text = readFileSync(join(stage, file), "utf8");
    writeFileSync(join(stage, file), text.replace(/("version": )"[^"]*"/, `$1"${version}"`));
  }
}

try {
  const release = parse();
  const { stage, out, targets } = release;
  for (const folder of [stage, out]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const done = (what: string) => console.log(`made ${what}`);
  makeStage(release);
  run("sh", ["compile.sh", "host", ...targets], stage);
  makeShared(release);
  for (const target of targets) {
    makeArchive(release, target);
    done(`the archive for ${target}`);
  }
  for (const target of targets.filter((name) => debianPackageOf(release, name))) {
    if (!isHere("dpkg-deb")) console.log(`not made: the .deb for ${target}: no dpkg-deb here`);
    else {
      makeDebianPackage(release, target);
      done(`the .deb for ${target}`);
    }
  }
  if (!targets.includes("linux-x64") || process.platform !== "linux" || process.arch !== "x64") {
    console.log("not made: the image: it takes the libraries of a Linux for x64, and that target");
  } else {
    makeContainer(release);
    done("the Containerfile and its root file system");
  }
  makeFormula(release);
  done("the formula");
  // Last, as they take the places of package.json and README.md: JSR has that README, too.
  run("node", ["scripts/package.mjs"], stage);
  const publish = "deno publish --dry-run --allow-dirty --no-check 2>&1";
  const [readme] = /README\.md \(.*\)/.exec(run("sh", ["-c", publish], stage)) ?? ["no README.md"];
  done(`a dry run of publishing to JSR, with ${readme}`);
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", out], stage);
  done("the npm package");

  const files = readdirSync(out).sort().filter((name) => statSync(join(out, name)).isFile());
  const sums = files.map((name) => `${sha256(join(out, name))}  ${name}\n`).join("");
  writeFileSync(join(out, "SHA256SUMS"), sums);
  rmSync(stage, { recursive: true });
  console.log(`${files.length} files and SHA256SUMS in ${out}`);
} catch (error) {
  fail(1, (error as Error).message);
}
