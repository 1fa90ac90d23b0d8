// Runs npm scripts at the same time: together.mjs SCRIPT... Each one's output is printed in one piece when
// it ends; the exit status is 1 when any has failed. Tests wait more than they compute, so two suites
// take little longer than one.
import { spawn } from "node:child_process";

const npm = process.platform === "win32" ? "npm.cmd" : "npm";

const run = (script) =>
  new Promise((resolve) => {
    const options = { stdio: ["ignore", "pipe", "pipe"], shell: process.platform === "win32" };
    const child = spawn(npm, ["run", "-s", script], options);
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", (error) => chunks.push(Buffer.from(`${error.message}\n`)));
    child.on("close", (code) => {
      process.stdout.write(Buffer.concat([Buffer.from(`\n${script}\n`), ...chunks]));
      resolve(code === 0);
    });
  });

const succeeded = await Promise.all(process.argv.slice(2).map(run));
process.exitCode = succeeded.every(Boolean) ? 0 : 1;
