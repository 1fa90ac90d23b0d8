#!/usr/bin/env node
// Starts the program on the runtime that runs this file, if it can call the system; else on another that
// is installed; else says what to install. Old syntax, so that every Node comes as far as that.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./program.js", import.meta.url));

/** "26.1.0" has a node:ffi, before 26.10 behind a flag. */
function nodeCan(flags) {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const least = flags.includes("--experimental-ffi") ? 1 : 10;
  return major > 26 || (major === 26 && minor >= least);
}

/** The path of a program on PATH. */
function found(name) {
  const file = process.platform === "win32" ? `${name}.exe` : name;
  const folder = (process.env.PATH || "").split(delimiter).find((path) =>
    path && existsSync(join(path, file))
  );
  return folder && join(folder, file);
}

/** The command line of a runtime that can, other than this one as it was started. */
function otherRuntime() {
  const flag = "--experimental-ffi";
  if (nodeCan([flag])) return [process.execPath, flag];
  const bun = found("bun");
  if (bun) return [bun];
  const deno = found("deno");
  return deno ? [deno, "run", "-q", "-A"] : undefined;
}

function start() {
  if (process.versions.bun || process.versions.deno || nodeCan(process.execArgv)) {
    import("./program.js");
    return;
  }
  const other = otherRuntime();
  if (!other) {
    console.error(
      `iomux: Node ${process.versions.node} cannot call the system: install Node 26.1 or newer ` +
        "(https://nodejs.org), or Bun (https://bun.sh)",
    );
    process.exitCode = 1;
    return;
  }
  const [command, ...args] = other;
  const options = { stdio: "inherit" };
  const child = spawn(command, [...args, program, ...process.argv.slice(2)], options);
  // A terminal signals both; anything else only this process.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1"]) {
    try {
      process.on(signal, () => child.kill(signal));
    } catch {
      // The system has no such signal.
    }
  }
  child.on("error", (error) => {
    console.error(`iomux: Cannot start ${command}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code === null ? 128 + constants.signals[signal] : code;
  });
}

start();
