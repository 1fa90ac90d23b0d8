// Kernels and sandboxes that lack or forbid a system call: what is chosen instead, and what is said.
import { describe, expect, it } from "bun:test";
import { ERRNO } from "../../lib/sys/errno.ts";
import { system } from "../../lib/sys/system.ts";
import { Program } from "../support/programs.ts";

// epoll_pwait2 has the same number on x64 and arm64.
const EPOLL_PWAIT2 = 441;
const EPOLL_CREATE1 = process.arch === "x64" ? 291 : 20;

const reason = system === "linux" ? undefined : `seccomp is part of Linux, not of ${system}`;
if (reason) console.log(`not run: forbidden system calls: ${reason}`);

async function without(call: number, error: number, what: string): Promise<any> {
  const program = new Program("seccomp.ts", [String(call), String(error), what]);
  const answer = JSON.parse(await program.line());
  if (answer.refused && answer.available === undefined) {
    console.log("not run: forbidden system calls: seccomp is itself forbidden here");
    return undefined;
  }
  return answer;
}

(reason ? describe.skip : describe)("where a system call is missing or forbidden", () => {
  for (const code of ["ENOSYS", "EPERM"] as const) {
    it(`epoll_pwait2 (${code}): waits of a fraction of a millisecond work by ppoll`, async () => {
      const answer = await without(EPOLL_PWAIT2, ERRNO[code]!, "precise");
      if (!answer) return;
      expect(answer.least).toBeGreaterThanOrEqual(0.3);
      expect(answer.median).toBeLessThan(0.95);
      expect(answer.told).toBe(1);
    });
  }

  it("epoll_create1 (ENOSYS): DefaultSelector is poll, found out by really trying", async () => {
    const answer = await without(EPOLL_CREATE1, ERRNO.ENOSYS!, "choice");
    if (!answer) return;
    expect([answer.chosen, answer.woken]).toEqual(["poll", true]);
    expect(answer.file).toBe("EPERM"); // which usually epoll says
  });
});
