// The shell blocks of a document, run in a shell where `iomux` is this checkout's, and `bun` this runtime.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Socket } from "../../lib/net/mod.ts";
import { cliCommand, root } from "./cli.ts";
import { executable, runFlags } from "./runtime.ts";

/** No block runs longer than this, whatever happens to it. */
const LIFETIME_MS = 40_000;

/** What the shell prints when the block is done: what comes after that, nobody is shown. */
const DONE = "-- done --";

/** Ends what a block has left in the background, as its reader would: its whole process group. */
const END = `echo "${DONE}"; exec >/dev/null 2>&1; trap "" TERM; kill -TERM 0; wait || :`;

/** What became of a block. */
export interface Outcome {
  code: number | null;
  /** stdout and stderr together. */
  output: string;
}

/** A block with the language of its fence, "" where there is none. */
export interface Block {
  lang: string;
  text: string;
}

/** All fenced blocks of a document, in their order. */
export const fencedBlocks = (document: string): Block[] =>
  [...document.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .map(([, lang, text]) => ({ lang: lang!, text: text! }));

/** Waits until the system's sockets have each of the patterns, without connecting; on Linux only. */
const UNTIL_SEEN = `[ -r /proc/net/tcp ] || exit 0
for pattern; do
  for try in $(seq 100); do
    cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp 2>/dev/null | grep -q "$pattern" && break
    sleep 0.2
  done
done`;

const SERVER = /^(?!.*\|).*?(?:--port |-p |-l \S*:|\.(?:ts|py) )(\d+).* &$/;
/** A client that stays for a while. */
const CLIENT = /^sleep .*\| iomux client \S*:(\d+).* &$/;

/** What tells in /proc/net/tcp that a line of a block has begun what it leaves in the background. */
function signOf(line: string): string | undefined {
  const hex = (port: string) => Number(port).toString(16).toUpperCase().padStart(4, "0");
  const [server, client] = [SERVER, CLIENT].map((pattern) => pattern.exec(line)?.[1]);
  if (server) return `:${hex(server)} 0*:0000 `; // a local address, and no remote one
  return client && `:${hex(client)} 0. `; // a remote address, in whatever state
}

/** After a sleep that gives servers and clients time to start, a wait for those that take longer. */
function patient(script: string): string {
  const signs: string[] = [];
  return script.replaceAll(/\\\n */g, "").split("\n").map((line) => {
    const sign = signOf(line);
    if (sign !== undefined) signs.push(sign);
    return /^sleep \S+$/.test(line) && signs.length > 0
      ? `${line}\nuntil_seen ${signs.splice(0).map(quote).join(" ")}`
      : line;
  }).join("\n");
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** A port that nobody listens on, below those that the system gives to clients. */
function freePort(): string {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Socket.listen({ host: "0.0.0.0", port }).close();
      return String(port);
    } catch {
      // Somebody does.
    }
  }
}

/** The ports that a block names, each with one that is free on this machine. */
function portsOf(script: string): Map<string, string> {
  const named = [...script.matchAll(/(?:--port |-p |:|\.(?:ts|py) )(\d{4,5})\b/g)];
  return new Map(named.map(([, port]) => [port!, freePort()]));
}

/** A range such as 9990-9999 stays as wide as it is. */
const swapped = (text: string, ports: ReadonlyMap<string, string>) =>
  text.replace(/\b(\d{4,5})-(\d{4,5})\b/g, (all, first, last) => {
    const other = ports.get(last);
    return other ? `${Number(other) - (Number(last) - Number(first))}-${other}` : all;
  }).replace(/\b\d{4,5}\b/g, (number) => ports.get(number) ?? number);

/**
 * Less of a load shows that a command works; its reader lets it run for longer. With few messages it needs
 * no warm-up either. On a busy machine all takes longer to start.
 */
export function briefly(script: string): string {
  const timed = / --(?:hold|start-at|scenario) /.test(script);
  return script.replace(/^iomux stress$/gm, "iomux stress -n 300")
    .replace(/ (-d|--duration) (?:\d+s|[2-9]00ms)\b/g, timed ? " $1 200ms" : " -n 300")
    .replace(/ -n \d000\b/g, " -n 300").replace("+3 seconds", "+9 seconds");
}

/** Runs a block with ports that are free, and gives its output with the ports that it names. */
export async function runBlock(
  script: string,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const ports = portsOf(script);
  const { code, output } = await runScript(patient(swapped(script, ports)), env);
  return {
    code,
    output: swapped(output, new Map([...ports].map(([named, used]) => [used, named]))),
  };
}

function runScript(script: string, env: Record<string, string>): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), "iomux-docs-"));
  const put = (name: string, text: string) =>
    writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  const [command, args] = cliCommand([]);
  put("iomux", `exec ${[command, ...args].map(quote).join(" ")} "$@"`);
  put("until_seen", UNTIL_SEEN);
  if (!process.versions.bun) {
    put("bun", `exec ${[executable, ...runFlags].map(quote).join(" ")} "$@"`);
  }
  return new Promise((resolve) => {
    // A process group of its own, so that the servers in the background can be ended with it.
    // bash, as sh may know jobs (kill %1) on a terminal only.
    const shell = spawn("bash", ["-e", "-c", `${script}\n${END}`], {
      cwd: root,
      detached: true,
      env: { ...process.env, PATH: `${dir}:${process.env.PATH}`, ...env },
    });
    let output = "";
    shell.stdout.on("data", (chunk) => output += chunk);
    shell.stderr.on("data", (chunk) => output += chunk);
    const guard = setTimeout(() => process.kill(-shell.pid!, "SIGKILL"), LIFETIME_MS);
    shell.on("close", (code) => {
      clearTimeout(guard);
      rmSync(dir, { recursive: true });
      resolve({ code, output: output.split(`${DONE}\n`)[0]! });
    });
  });
}
