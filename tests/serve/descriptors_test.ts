// Every descriptor that a command opens is close-on-exec: a program that is started at any moment, by whatever
// thread, inherits none, and keeps no connection open. As /proc shows it, of real processes at work.
import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type Cli, spawnCli, startServe } from "../support/cli.ts";
import { handlerAt } from "../support/handoff.ts";
import { Peer } from "../support/peers.ts";
import { itUnless } from "../support/systems.ts";
import { sleep } from "../support/waiting.ts";

const NO_PROC = existsSync("/proc/self/fdinfo") ? undefined : "no /proc/PID/fdinfo";
const O_CLOEXEC = 0o2000000;
/** Standard streams are for programs. */
const FIRST = 3;

/** What a process has open without FD_CLOEXEC; a descriptor that is closed meanwhile is none. */
function inheritable({ pid }: Cli): string[] {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) >= FIRST).flatMap((fd) => {
    try {
      const [, flags] = /^flags:\s+(\d+)$/m.exec(
        readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"),
      )!;
      const isSafe = (parseInt(flags!, 8) & O_CLOEXEC) !== 0;
      return isSafe ? [] : [`${fd}: ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`];
    } catch {
      return [];
    }
  });
}

/** Looks a few times while a command works. */
async function expectNone(cli: Cli): Promise<void> {
  for (let i = 0; i < 20 && !cli.ended; i++) {
    expect(inheritable(cli)).toEqual([]);
    await sleep(20);
  }
}

describe("descriptors that programs would inherit", () => {
  const servers: [what: string, args: string[]][] = [
    ["with two workers and metrics", ["--workers", "2", "--metrics", "127.0.0.1:0"]],
    ["with a handler", ["--handler", handlerAt("whole_lines.ts")]],
    ["with programs", ["--exec", "sh -c 'sleep 0.1; cat'"]],
    ["on select", ["--selector", "select"]],
    ["on poll", ["--selector", "poll"]],
    ["on io_uring", ["--engine", "uring"]],
  ];
  for (const [what, args] of servers) {
    itUnless(NO_PROC, `serve ${what} has none`, async () => {
      await using server = await startServe(["-H", "127.0.0.1", "-p", "0", ...args]);
      const peers = Array.from({ length: 3 }, () => Peer.dial(server));
      for (const peer of peers) await peer.send("hello\n");
      await expectNone(server);
      for (const peer of peers) peer.reset();
    });
  }

  const clients: [what: string, args: (target: string) => string[]][] = [
    ["client", (target) => ["client", target]],
    ["stress", (target) => ["stress", target, "-c", "3", "-d", "2s", "--workers", "2"]],
    ["stress with its own server", () => ["stress", "-c", "3", "-d", "2s"]],
    ["probe", (target) => ["probe", target, "silent", "drip", "reset"]],
  ];
  for (const [what, args] of clients) {
    itUnless(NO_PROC, `${what} has none`, async () => {
      await using server = await startServe();
      await using cli = spawnCli(args(server.name), { stdin: "pipe" });
      await sleep(200);
      await expectNone(cli);
    });
  }
});
