// Runs npm scripts at the same time: together.mjs LANE... A lane is one script, or several with commas in
// between that run one after the other. Each script's output is printed in one piece when it ends; the
// exit status is 1 when any has failed. Tests wait more than they compute, so suites that run beside each
// other take little longer than the longest of them.
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
      if (code !== 0) process.exitCode = 1;
      resolve();
    });
  });

const lanes = process.argv.slice(2).map(async (lane) => {
  for (const script of lane.split(",")) await run(script);
});
await Promise.all(lanes);
