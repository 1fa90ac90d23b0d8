// Every C function whose result matters to a server fails once: it ends at the start and says so, or one
// connection ends and all others are served; nothing stays open, and the statistics add up.
import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { type RunningServer, spawnCli, startServe } from "../support/cli.ts";
import { failing, type FailingCall, NO_FAILING, titleOf } from "../support/failing.ts";
import { TempDir } from "../support/files.ts";
import { handlerAt } from "../support/handoff.ts";
import { inNamespace, NO_NAMESPACE } from "../support/namespaces.ts";
import { Peer } from "../support/peers.ts";
import { itUnless } from "../support/systems.ts";

type Row = FailingCall;

const EXEC = ["--exec", "cat"];
const HANDLER = ["--handler", handlerAt("whole_lines.ts"), "--handler-workers", "1"];
const METRICS = ["--metrics", "127.0.0.1:0"];
const TWO = ["--workers", "2"];
const POLL = ["--selector", "poll"];
const URING = ["--engine", "uring"];

/** The server does not start: exit code 1 or 3, and a line that says why. */
const ENDS: readonly Row[] = [
  ["socket", "EMFILE", 1, "main"],
  ["bind", "EACCES", 1, "main"],
  ["listen", "ENOBUFS", 1, "main"],
  ["getsockname", "ENOBUFS", 1, "main"],
  ["setsockopt", "ENOMEM", 1, "main"],
  ["setsockopt", "ENOMEM", 2, "main", TWO],
  ["socket", "EMFILE", 3, "main", TWO],
  ["fcntl", "EMFILE", 1, "main"],
  ["setsockopt", "ENOMEM", 1, "serve"],
  ["epoll_ctl", "ENOMEM", 1, "serve"],
  ["epoll_ctl", "ENOSPC", 2, "serve"],
  ["eventfd", "EMFILE", 1, "serve"],
  ["fcntl", "EMFILE", 1, "serve"],
  ["socket", "EMFILE", 1, "main", METRICS],
  ["bind", "EACCES", 1, "main", METRICS],
  ["syscall 425", "ENOMEM", 1, "serve", URING], // io_uring_setup
  ["syscall 427", "ENOMEM", 1, "serve", URING], // io_uring_register
  ["mmap", "ENOMEM", 1, "serve", URING], // its queues
  ["mmap", "ENOMEM", 2, "serve", URING],
  ["mmap", "ENOMEM", 3, "serve", URING], // its buffers
];

/** The same after its file was made, which must not stay. */
const ENDS_ON_A_PATH: readonly Row[] = [
  ["bind", "EACCES", 1, "main"],
  ["listen", "ENOBUFS", 1, "main"],
  ["getsockname", "ENOBUFS", 1, "main"],
  ["fcntl", "EMFILE", 1, "main", TWO],
  ["epoll_ctl", "ENOMEM", 1, "serve"],
  ["eventfd", "EMFILE", 1, "serve", TWO],
];

/** It costs the connection that it concerns at most, and is said in the log or counted. */
const COSTS_ONE: readonly Row[] = [
  ["accept4", "EMFILE", 2, "serve"],
  ["accept4", "ENFILE", 2, "serve", POLL],
  ["accept4", "ECONNABORTED", 2, "serve"],
  ["accept4", "EPERM", 2, "serve"],
  ["accept4", "ECONNABORTED", 2, "serve", URING],
  ["epoll_ctl", "ENOMEM", 3, "serve"],
  ["epoll_ctl", "ENOSPC", 3, "serve"],
  ["syscall 45", "ENOMEM", 2, "serve"], // recvfrom
  ["syscall 44", "ENOBUFS", 2, "serve"], // sendto
  ["syscall 44", "EPIPE", 2, "serve"],
  ["fcntl", "ENOLCK", 2, "serve", EXEC],
  ["fcntl", "ENOLCK", 3, "serve", EXEC],
  ["fcntl", "ENOLCK", 4, "serve", EXEC], // back
  ["posix_spawnattr_init", "ENOMEM", 1, "serve", EXEC],
  ["posix_spawnattr_setsigmask", "ENOMEM", 1, "serve", EXEC],
  ["posix_spawn_file_actions_init", "ENOMEM", 1, "serve", EXEC],
  ["posix_spawn_file_actions_adddup2", "ENOMEM", 1, "serve", EXEC],
  ["posix_spawnp", "EAGAIN", 2, "serve", EXEC],
  ["fcntl", "ENOLCK", 3, "serve", HANDLER],
  ["fcntl", "EMFILE", 5, "serve", HANDLER],
  ["fcntl", "ENOLCK", 6, "serve", HANDLER], // back
];

/** There is another way, or nothing depends on it: all are served. */
const COSTS_NONE: readonly Row[] = [
  ["epoll_create1", "EMFILE", 1, "serve"], // poll is left
  ["epoll_create1", "ENOSYS", 1, "main"],
  ["bind", "EADDRINUSE", 1, "main", METRICS], // another free port is tried
  ["syscall 232", "EINTR", 2, "serve"],
  ["ppoll", "EINTR", 4, "serve", POLL],
  ["syscall 426", "EINTR", 3, "serve", URING], // io_uring_enter
  ["madvise", "EINVAL", 1, "serve", URING],
  ["munmap", "EINVAL", 1, "serve", URING],
  ["shutdown", "ENOTCONN", 1, "serve", ["--service", "daytime"]], // which ends before its peer does
  ["close", "EINTR", 2, "serve"],
  ["syscall 434", "ENOSYS", 1, "serve", EXEC], // pidfd_open
  ["syscall 434", "EMFILE", 2, "serve", EXEC],
  ["ioctl", "ENOTTY", 1, "serve", EXEC],
  ["getsockopt", "ENOBUFS", 1, "serve", EXEC],
  ["getsockname", "ENOBUFS", 1, "serve", EXEC],
  ["waitid", "ECHILD", 1, "serve", EXEC],
  ["waitpid", "ECHILD", 1, "serve", EXEC],
  ["kill", "EPERM", 1, "serve", EXEC],
];

/** The thread ends of it, and another takes its place. */
const REPLACED: readonly Row[] = [
  ["syscall 232", "ENOMEM", 4, "serve"],
  ["ppoll", "ENOMEM", 4, "serve", POLL],
  ["accept4", "EBADF", 2, "serve"],
];

const argsOf = ([, , , , args = []]: Row) => [
  ...["-H", "127.0.0.1", "-p", "0", "--stats", "--drain-timeout", "2s", ...args],
];

/** The answer of a connection of its own; "" when it was closed or reset before there was one. */
async function answered(server: RunningServer, text: string): Promise<string> {
  using peer = Peer.dial(server);
  try {
    await peer.send(text);
    const answer = await peer.text(text.length);
    peer.end();
    await peer.isOver(10_000);
    return answer;
  } catch (error) {
    if ((error as { code?: string }).code !== undefined) return "";
    throw error; // no answer in time
  }
}

/** Three clients, then the end; how many were served, how it ended, and what it says. */
async function served(row: Row) {
  await using server = await startServe(argsOf(row), failing(row));
  const counts: number[] = [];
  const open = () => readdirSync(`/proc/${server.pid}/fd`).length;
  let good = 0;
  for (let i = 0; i < 4; i++) {
    if (await answered(server, `hello ${i}\n`) !== "") good++;
    await server.statsWhen(({ active }) => active === 0);
    counts.push(open());
  }
  const { code } = await server.stop();
  const stats = server.lastStats();
  expect(server.stderr()).toContain(`(${row[0]} fails)`);
  return { good, code, stats, log: server.stderr(), leaked: counts[3]! - counts[0]! };
}

if (NO_FAILING) console.log(`not run: failing calls of serve: ${NO_FAILING}`);

(NO_FAILING ? describe.skip : describe)("a call of serve that fails", () => {
  for (const row of ENDS) {
    it(`before it listens, ends it with a line that says why: ${titleOf(row)}`, async () => {
      await using cli = spawnCli(["serve", ...argsOf(row)], failing(row));
      expect([1, 3]).toContain((await cli.exit).code!);
      expect(cli.stdout()).not.toMatch(/^listening/m);
      expect(cli.stderr()).toMatch(new RegExp(`^iomux: Cannot .*: ${row[1]} \\([a-z ]+\\)`, "m"));
    });
  }

  for (const row of ENDS_ON_A_PATH) {
    it(`leaves no socket's file behind: ${titleOf(row)}`, async () => {
      using folder = new TempDir();
      const args = ["serve", "--unix", folder.file("s"), ...row[4] ?? []];
      await using cli = spawnCli(args, failing(row));
      expect([1, 3]).toContain((await cli.exit).code!);
      expect(cli.stderr()).toMatch(new RegExp(`^iomux: Cannot .*: ${row[1]} \\([a-z ]+\\)`, "m"));
      expect(existsSync(folder.file("s"))).toBe(false);
    });
  }

  for (const row of COSTS_ONE) {
    it(`costs one connection at most, and is said or counted: ${titleOf(row)}`, async () => {
      const { good, code, stats, log, leaked } = await served(row);
      expect([good >= 3, code, stats.worker_restarts]).toEqual([true, 0, 0]);
      expect(stats.errors[row[1]] ?? log.split(row[1]).length - 1).toBeGreaterThan(0);
      expect([stats.active, stats.accepted]).toEqual([0, stats.closed]);
      expect(leaked).toBeLessThan(1);
    });
  }

  for (const row of COSTS_NONE) {
    it(`costs no connection: ${titleOf(row)}`, async () => {
      const { good, code, stats, leaked } = await served(row);
      expect([good, code, stats.worker_restarts]).toEqual([4, 0, 0]);
      expect(leaked).toBeLessThan(1);
    });
  }

  for (const row of REPLACED) {
    it(`that the loop needs: another thread takes its place: ${titleOf(row)}`, async () => {
      await using server = await startServe(argsOf(row), failing(row));
      for (let i = 0; i < 3; i++) await answered(server, "hello\n");
      await server.says(new RegExp(`died: Cannot .*: ${row[1]} `));
      expect(await answered(server, "again\n")).toBe("again\n");
      expect((await server.stop()).code).toBe(0);
      expect(server.lastStats().worker_restarts).toBe(1);
    });
  }
});

describe("the file of a socket that can't be removed", () => {
  /** Whatever is in the folder by then stays there. */
  const frozen = (folder: string) =>
    `mount --bind ${folder} ${folder}; mount -o remount,bind,ro ${folder};`;

  itUnless(NO_NAMESPACE, "and is in the way: says so, exit code 3", async () => {
    using folder = new TempDir();
    const path = folder.file("s");
    const script = `"$@" serve --unix ${path} >&2 & until [ -S ${path} ]; do sleep .05; done; ` +
      `kill -KILL $!; wait $!; ${frozen(folder.path)} exec "$@" serve --unix ${path}`;
    await using cli = spawnCli([], { through: inNamespace(script) });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([3, ""]);
    expect(cli.stderr().split("\n").filter((line) => line.startsWith("iomux: "))).toEqual([
      `iomux: Cannot bind unix:${path}, whose old file can't be removed: EROFS (read-only file system)`,
    ]);
  });

  itUnless(NO_NAMESPACE, "when the server ends: warns, and ends all the same", async () => {
    using folder = new TempDir();
    const path = folder.file("s");
    const script = `"$@" serve --unix ${path} & server=$!; until [ -S ${path} ]; do sleep .05; ` +
      `done; ${frozen(folder.path)} echo frozen; read -r line; kill -TERM $server; wait $server`;
    await using cli = spawnCli([], { through: inNamespace(script), stdin: "pipe" });
    await cli.says(/^listening/m, "stdout");
    await cli.says(/^frozen$/m, "stdout");
    cli.child.stdin!.end("\n");
    expect((await cli.exit).code).toBe(0);
    expect(cli.stderr()).toContain(`Cannot remove unix:${path}: EROFS (read-only file system)`);
  });
});
