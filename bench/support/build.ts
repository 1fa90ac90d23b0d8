// Compiles the C programs, plainly, into a temporary folder that goes when the benchmark ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { run } from "./process.ts";

export interface Built {
  dir: string;
  server: string;
  client: string;
  /** An echo on io_uring. */
  uringServer: string;
  /** null when Go is not there. */
  goServer: string | null;
  goProblem: string;
  selectorCosts: string;
  /** null when libuv is not there; `uvProblem` says what the compiler said. */
  uvServer: string | null;
  uvProblem: string;
}

/** A temporary folder for the run. */
export function makeTemporary(): string {
  const dir = mkdtempSync(join(tmpdir(), "iomux-bench-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Compiles what is in bench/; only the libuv server may be missing. */
export async function build(dir: string): Promise<Built> {
  const compile = async (name: string, ...libraries: string[]): Promise<string> => {
    const out = join(dir, name);
    await run(["cc", "-O2", "-o", out, `bench/${name}.c`, ...libraries], 60);
    return out;
  };
  let uvServer: string | null = null, uvProblem = "";
  try {
    uvServer = await compile("echo_server_uv", "-luv");
  } catch (error) {
    uvProblem = `libuv (Debian: libuv1-dev) is needed: ${(error as Error).message}`;
  }
  let goServer: string | null = join(dir, "go_net"), goProblem = "";
  try {
    await run(["go", "build", "-o", goServer, "bench/peers/go_net.go"], 120);
  } catch (error) {
    goServer = null;
    goProblem = `Go (Debian: golang-go) is needed: ${(error as Error).message}`;
  }
  const [server, client] = [await compile("echo_server"), await compile("load_client")];
  const uringServer = await compile("echo_server_uring");
  const selectorCosts = await compile("selector_costs", "-pthread");
  return {
    dir,
    server,
    client,
    uringServer,
    selectorCosts,
    goServer,
    goProblem,
    uvServer,
    uvProblem,
  };
}
