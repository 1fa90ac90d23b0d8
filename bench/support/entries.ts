// What can be measured: the servers by name, each with its command or the reason it cannot run.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import type { Built } from "./build.ts";
import { root } from "./process.ts";

export interface Entry {
  name: string;
  what: string;
  command: string[];
  /** Why it cannot be run, or null. */
  missing: string | null;
}

/** The entry all others are compared with. */
export const baseline = "c";

/** How `iomux` is started, by entry name. */
export const iomux: Record<string, string[]> = {
  "iomux-bun": ["bun", "main.ts"],
  "iomux-compiled": ["dist/iomux"],
  "iomux-deno": ["deno", "run", "-P", "main.ts"],
  "iomux-node": ["node", "--no-warnings", "main.ts"],
};

/** The entries that the project's targets are about: iomux on Bun. */
export const targeted: string[] = ["iomux-bun", "iomux-compiled"];

const serve = ["serve", "--port", "0", "--host", "127.0.0.1", "--selector", "epoll"];
const denoListen = ["deno", "run", "--allow-net", "bench/peers/deno_listen.ts"];

/** Every server; without `built` (for a listing) the C programs are taken to be there. */
export function servers(built: Built | null): Entry[] {
  const entry = (name: string, what: string, command: string[]): Entry => {
    return { name, what, command, missing: whyMissing(command) };
  };
  const all = [
    entry(baseline, "C on epoll", [built?.server ?? "cc"]),
    entry("libuv", "C on libuv", [built?.uvServer ?? "cc"]),
    entry("python", "Python's selectors", ["python3", "bench/peers/python_selectors.py"]),
    entry("bun-listen", "Bun.listen", ["bun", "bench/peers/bun_listen.ts"]),
    entry("node-net", "node:net on Node", ["node", "bench/peers/node_net.mjs"]),
    entry("deno-listen", "Deno.listen", denoListen),
    ...Object.entries(iomux).map(([name, command]) =>
      entry(name, `iomux serve: ${command.join(" ")}`, [...command, ...serve])
    ),
  ];
  if (built?.uvProblem) all[1]!.missing = built.uvProblem;
  return all;
}

/** Why a command cannot be run: a program or a file of the project that is not there. */
export function whyMissing(command: string[]): string | null {
  const [program, ...args] = command as [string, ...string[]];
  if (program === "dist/iomux") {
    return existsSync(join(root, program)) ? null : "dist/iomux is not built (npm run compile)";
  }
  const folders = program.includes("/") ? [""] : (process.env["PATH"] ?? "").split(delimiter);
  if (!folders.some((folder) => isExecutable(join(folder, program)))) {
    return `no ${program} on PATH`;
  }
  if (args.includes("main.ts") && !existsSync(join(root, "main.ts"))) return "there is no main.ts";
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
