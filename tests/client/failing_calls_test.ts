// Every C function whose result matters to client fails once: it ends in time, with the exit code of what
// failed and one line that says so; or it does without.
import { describe, expect, it } from "bun:test";
import { cliCommand, spawnCli, startServe } from "../support/cli.ts";
import { failing, type FailingCall, NO_FAILING, titleOf } from "../support/failing.ts";
import { itUnless, NO_PIPES } from "../support/systems.ts";

const SAYS: readonly [row: FailingCall, code: number, says: RegExp][] = [
  [["socket", "EMFILE", 1, "main"], 1, /^Cannot create a socket: EMFILE .*ulimit -n$/],
  [["connect", "ENETUNREACH", 1, "main"], 3, /^Cannot connect to \S+: ENETUNREACH \(/],
  [["connect", "ETIMEDOUT", 1, "main"], 4, /^Cannot connect to \S+: ETIMEDOUT \(/],
  [["send", "ENOBUFS", 1, "main"], 5, /^Cannot send to \S+: ENOBUFS .*6 bytes .*not taken/],
  [["send", "EPIPE", 1, "main"], 5, /6 bytes of standard input were not taken by the peer$/],
  [["recv", "ENOMEM", 1, "main"], 1, /^Cannot read standard input: ENOMEM \(/],
  [["recv", "ENOMEM", 3, "main"], 1, /^Cannot receive from \S+: ENOMEM \(/],
];

const DOES_WITHOUT: readonly FailingCall[] = [
  ["epoll_create1", "EMFILE", 1, "main"],
  ["epoll_ctl", "ENOMEM", 1, "main"],
  ["getsockname", "ENOBUFS", 1, "main"],
  ["getpeername", "ENOTCONN", 1, "main"],
  ["recv", "EINTR", 1, "main"],
  ["send", "EINTR", 1, "main"],
  ["send", "EAGAIN", 1, "main"],
  ["syscall 232", "EINTR", 1, "main"], // epoll_wait
];

async function run(row: FailingCall) {
  // After EPIPE the client reads on, as a peer that has ended its reading may still send.
  await using server = await startServe(row[1] === "EPIPE" ? ["--idle-timeout", "500ms"] : []);
  // A socket as standard input, as spawn makes it, is received from.
  await using cli = spawnCli(["client", server.name], { ...failing(row), stdin: "hello\n" });
  const { code } = await cli.exit;
  expect(cli.stderr()).toContain(`(${row[0]} fails)`);
  const said = cli.stderr().split("\n").filter((line) => line.startsWith("iomux: "));
  return { code, stdout: cli.stdout(), said };
}

if (NO_FAILING) console.log(`not run: failing calls of client: ${NO_FAILING}`);

(NO_FAILING ? describe.skip : describe)("a call of client that fails", () => {
  for (const [row, code, says] of SAYS) {
    it(`is said in one line, exit code ${code}: ${titleOf(row)}`, async () => {
      const ended = await run(row);
      expect([ended.code, ended.said.length]).toEqual([code, 1]);
      expect(ended.said[0]!.slice("iomux: ".length)).toMatch(says);
    });
  }
  for (const row of DOES_WITHOUT) {
    it(`costs nothing: ${titleOf(row)}`, async () => {
      expect(await run(row)).toEqual({ code: 0, stdout: "hello\n", said: [] });
    });
  }
});

describe("a standard input that can't be read", () => {
  itUnless(NO_PIPES, "ends client with a line that says why, exit code 1", async () => {
    await using server = await startServe();
    const [command, args] = cliCommand(["client", server.name]);
    await using cli = spawnCli([], {
      through: ["sh", ["-c", 'exec "$@" </', "sh", command, ...args]],
    });
    expect([(await cli.exit).code, cli.stdout()]).toEqual([1, ""]);
    expect(cli.stderr()).toBe(
      "iomux: Cannot read standard input: EISDIR (illegal operation on a directory)\n",
    );
  });
});
