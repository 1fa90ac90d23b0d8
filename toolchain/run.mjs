// Runs a command with the pinned bun, deno and node first on PATH, installing them when they are
// missing or older than the lock file: run.mjs [COMMAND [ARG...]] | -c "SHELL LINE"
// Plain JavaScript, because it must run on the Node that a machine already has.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const dir = fileURLToPath(new URL(".", import.meta.url));
const read = (name) => existsSync(join(dir, name)) ? readFileSync(join(dir, name), "utf8") : "";

const lock = read("package-lock.json");
const stamp = "node_modules/.installed-lock";
if (read(stamp) !== lock) {
  // `bun run` sets npm_execpath too, to bun itself, so only npm's own script counts.
  const cli = process.env.npm_execpath ?? "";
  const [npm, ...pre] = cli.endsWith("npm-cli.js") ? [process.execPath, cli] : ["npm"];
  const flags = [
    "ci",
    "--ignore-scripts",
    "--no-bin-links",
    "--include=optional",
    "--no-audit",
    "--no-fund",
  ];
  const shell = process.platform === "win32" && npm === "npm";
  const result = spawnSync(npm, [...pre, ...flags], { cwd: dir, stdio: ["ignore", 2, 2], shell });
  if (result.status !== 0) process.exit(1);
  writeFileSync(join(dir, stamp), lock);
}

const PATH = Object.keys(JSON.parse(read("package.json")).optionalDependencies)
  .flatMap((name) => [join(dir, "node_modules", name, "bin"), join(dir, "node_modules", name)])
  .filter(existsSync).concat(process.env.PATH).join(delimiter);

const [command, ...args] = process.argv.slice(2);
if (command) {
  const options = { env: { ...process.env, PATH }, stdio: "inherit" };
  const child = command === "-c"
    ? spawn(args.join(" "), { ...options, shell: true })
    : spawn(command, args, options);
  process.on("SIGINT", () => {}); // the terminal sends Ctrl-C to the child as well
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (e) => (console.error(e.message), process.exitCode = 127));
  child.on("exit", (code, signal) => process.exitCode = code ?? 128 + constants.signals[signal]);
}
