// What `npm pack` packs: the library as JavaScript with declarations, and the program as one file, in
// dist/package, with a package.json and a README.md of their own. npm takes those two from the checkout
// only, so they change places with the checkout's while it packs: package.mjs, then package.mjs restore.
// Node refuses to strip types below node_modules, so a package cannot hold the sources themselves.
// Plain JavaScript, because it must run on the Node that a machine already has.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "dist", "package");
const aside = join(root, "dist", "checkout");
const SWAPPED = ["package.json", "README.md"];
/** npm packs every README; the links of this one lead into the checkout. */
const ABSENT = "README.zh-CN.md";

/** Gives the checkout its own files back, in one step each. */
function restore() {
  for (const name of [...SWAPPED, ABSENT].filter((name) => existsSync(join(aside, name)))) {
    renameSync(join(aside, name), join(root, name));
  }
}

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(1);
}

restore(); // what a run that was interrupted has left
if (process.argv[2] === "restore") process.exit();

rmSync(out, { recursive: true, force: true }); // no file of an earlier version
run(join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "scripts/npm/tsconfig.json"));

// tsc names .js files in the JavaScript but leaves the .ts of imports in declarations: it can find
// its way from there, Deno cannot.
for (const file of readdirSync(out, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".d.ts")) continue;
  const path = join(out, file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(/((?:from |import\()"\.[^"\n]*)\.ts"/g, '$1.js"'));
}

// Else every thread of it warns on Node that node:ffi is new.
const quiet = "{ const emit = process.emitWarning; process.emitWarning = (warning, ...rest) => " +
  'rest[0] === "ExperimentalWarning" ? undefined : emit.call(process, warning, ...rest); }';
const bin = join(out, "bin");
mkdirSync(bin);
const program = join(bin, "program.js");
const options = ["--target=node", "--format=esm", "--minify-syntax", "--banner", quiet];
run(join(root, "toolchain/run.mjs"), "bun", "build", "main.ts", ...options, "--outfile", program);
copyFileSync(join(root, "scripts/npm/iomux.js"), join(bin, "iomux.js"));

const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const readme = readFileSync(join(root, "README.md"), "utf8");
const manifest = {
  name: own.name,
  version: own.version,
  description:
    "I/O multiplexing for Bun, Deno and Node: select, poll, epoll and kqueue behind one " +
    "small API, Python's selectors in TypeScript; and a TCP server, a netcat and a load generator on it",
  keywords: [
    "select",
    "poll",
    "epoll",
    "kqueue",
    "selectors",
    "tcp",
    "netcat",
    "load",
    "benchmark",
  ],
  license: own.license,
  type: "module",
  bin: { iomux: "dist/package/bin/iomux.js" },
  exports: own.exports,
  files: own.files,
  engines: { node: ">=26.1" }, // the first that can call the system
};
const [example] = /^```ts\nimport [\s\S]*?^```$/m.exec(readme) ?? [""];
const about = readFileSync(join(root, "scripts/npm/README.md"), "utf8");

mkdirSync(aside, { recursive: true });
for (const name of SWAPPED) copyFileSync(join(root, name), join(aside, name));
renameSync(join(root, ABSENT), join(aside, ABSENT));
const swap = (name, text) => {
  writeFileSync(join(aside, `${name}.new`), text);
  renameSync(join(aside, `${name}.new`), join(root, name));
};
swap("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
swap("README.md", about.replace("EXAMPLE", () => example));
