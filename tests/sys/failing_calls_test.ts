// Every system call whose result matters fails once: the library says which, in an OSError, leaves no
// descriptor open, and what was registered before goes on. By seccomp(2), a process for each call.
import { describe, expect, it } from "bun:test";
import { ERRNO } from "../../lib/sys/errno.ts";
import { system } from "../../lib/sys/system.ts";
import { Program } from "../support/programs.ts";

/** The call of x64, its error, and the actions that must report it. */
const TABLE: readonly [call: string, number: number, error: string, reportedBy: string[]][] = [
  ["socket", 41, "EMFILE", ["listen", "listen on ::1", "connect", "connect, waiting", "dial"]],
  ["bind", 49, "EADDRINUSE", ["listen", "listen on ::1", "connect"]],
  ["listen", 50, "EADDRINUSE", ["listen", "listen on ::1"]],
  ["connect", 42, "ENETUNREACH", ["connect", "connect, waiting", "dial"]],
  ["accept4", 288, "EMFILE", ["accept"]],
  ["socketpair", 53, "ENFILE", ["socketPair"]],
  ["getsockname", 51, "ENOBUFS", ["localAddress"]],
  ["getpeername", 52, "ENOBUFS", ["remoteAddress"]],
  ["getsockopt", 55, "ENOBUFS", ["takeError"]],
  ["setsockopt", 54, "ENOMEM", ["options", "listen"]],
  ["shutdown", 48, "ENOBUFS", ["shutdown"]],
  ["recvfrom", 45, "ENOMEM", ["recv"]],
  ["sendto", 44, "ENOBUFS", ["send"]],
  ["epoll_ctl", 233, "ENOMEM", ["epoll: register", "epoll: modify"]],
  ["epoll_create1", 291, "EMFILE", ["epoll: make"]],
  ["epoll_wait", 232, "ENOMEM", ["epoll: wait"]],
  ["ppoll", 271, "ENOMEM", ["poll: wait"]],
];

const unable = system !== "linux"
  ? `seccomp is part of Linux, not of ${system}`
  : process.arch !== "x64"
  ? "the numbers are those of x64"
  : undefined;
if (unable) console.log(`not run: failing system calls: ${unable}`);

(unable ? describe.skip : describe)("a system call that fails", () => {
  for (const [call, number, error, reportedBy] of TABLE) {
    it(`${call} (${error}): said by ${reportedBy.join(", ")}; nothing stays open`, async () => {
      const program = new Program("failing_calls.ts", [String(number), String(ERRNO[error])]);
      const { refused, outcomes, leaked } = JSON.parse(await program.line());
      if (refused) return console.log("not run: seccomp is itself forbidden here");
      for (const [action, outcome] of Object.entries<string>(outcomes)) {
        if (outcome !== "ok" && outcome !== error) throw new Error(`${action}: ${outcome}`);
      }
      for (const action of reportedBy) expect([action, outcomes[action]]).toEqual([action, error]);
      expect(leaked).toBeLessThan(1);
    });
  }

  const recovering: readonly [call: string, number: number, error: string][] = [
    ["epoll_create1", 291, "EMFILE"],
    ["epoll_ctl", 233, "ENOMEM"],
    ["epoll_ctl", 233, "ENOSPC"],
    ["dup3", 292, "EBUSY"],
  ];
  for (const [call, number, error] of recovering) {
    it(`${call} (${error}) while epoll removes stale registrations: every registration stays, no spin is seen`, async () => {
      const program = new Program("epoll_recover.ts", [String(number), String(ERRNO[error])]);
      const { refused, ...found } = JSON.parse(await program.line());
      if (refused) return console.log("not run: seccomp is itself forbidden here");
      expect(found).toEqual({ reported: 3000, wrong: 0, empty: 30, spins: 0 });
    });
  }
});
