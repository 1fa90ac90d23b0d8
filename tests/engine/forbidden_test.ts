// Kernels and sandboxes without io_uring, or without a part of it.
import { describe, expect, it } from "bun:test";
import { ERRNO } from "../../lib/sys/errno.ts";
import { system } from "../../lib/sys/system.ts";
import { Program } from "../support/programs.ts";

const [SETUP, REGISTER] = [425, 427];

const reason = system === "linux" ? undefined : `seccomp is part of Linux, not of ${system}`;
if (reason) console.log(`not run: forbidden io_uring: ${reason}`);

(reason ? describe.skip : describe)("where io_uring is missing or forbidden", () => {
  const cases = [
    [
      SETUP,
      "ENOSYS",
      /^Cannot create an io_uring \(this kernel was built without it, .*\): ENOSYS/,
    ],
    [SETUP, "EPERM", /forbidden by kernel\.io_uring_disabled or a seccomp profile/],
    [SETUP, "EINVAL", /without IORING_SETUP_COOP_TASKRUN: it needs Linux 5\.19 or newer/],
    [REGISTER, "EINVAL", /^Cannot register receive buffers \(Linux 5\.19 or newer\): EINVAL/],
  ] as const;
  for (const [call, code, message] of cases) {
    it(`${call === SETUP ? "setup" : "register"} ${code}: uring is refused with the reason, auto works`, async () => {
      const program = new Program("engine_forbidden.ts", [String(call), String(ERRNO[code])]);
      const answer = JSON.parse(await program.line());
      if (answer.refused) {
        return console.log("not run: forbidden io_uring: seccomp is forbidden here");
      }
      expect(answer.auto).toBe("readiness");
      expect(answer.why).toMatch(message);
      expect(answer.leaked).toBe(0);
      expect(answer.engines).toEqual([
        { name: "readiness", available: true, reason: null },
        { name: "uring", available: false, reason: answer.why },
      ]);
    });
  }
});
