import { describe, expect, it } from "bun:test";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { check, codeName, ERRNO, errno, OSError } from "../../lib/sys/errno.ts";
import { threadCpu } from "../../lib/sys/process/limits.ts";
import { c } from "../../lib/sys/posix.ts";
import { reasonOf } from "../../lib/sys/reason.ts";
import { on } from "../../lib/sys/system.ts";
import { tries } from "../support/runtime.ts";
import { thrownBy } from "../support/sockets.ts";
import { onWindows } from "../support/systems.ts";
import { countWrongErrnos } from "./errno_loop.ts";

const NUMBERS: number[] = on(
  [1, 9, 11, 111],
  [1, 9, 35, 61],
  [1, 9, 35, 61],
  [1, 10009, 10035, 10061],
);

describe("errno()", () => {
  // Each call goes through another process in Wine, and takes 20 us.
  const calls = onWindows ? 50_000 : tries(1_000_000);
  it(`is right after each of ${calls} failing calls while garbage is being made`, () => {
    expect(countWrongErrnos(calls)).toBe(0);
  });

  it("is mapped by every thread for itself: two threads fail at once and see their own", async () => {
    const worker = new Worker(new URL("./errno_worker.ts", import.meta.url), {
      workerData: calls * 0.3,
    });
    const messages: any[] = [];
    worker.on("message", (message) => messages.push(message));
    await once(worker, "message");
    expect(countWrongErrnos(calls / 5)).toBe(0); // meanwhile the Worker counts its own
    while (messages.length < 2) await once(worker, "message");
    await worker.terminate();
    expect(messages[1]).toEqual({ wrong: 0 });
  });

  it("stays as it was after a call that succeeds", () => {
    c.close(-1);
    threadCpu();
    expect(errno()).toBe(ERRNO.EBADF!);
  });
});

describe("ERRNO and codeName()", () => {
  it("have the numbers of this system", () => {
    const { EPERM, EBADF, EAGAIN, ECONNREFUSED } = ERRNO;
    expect([EPERM, EBADF, EAGAIN, ECONNREFUSED]).toEqual(NUMBERS);
  });

  it("codeName() prefers the names that people search for", () => {
    expect(codeName(ERRNO.EAGAIN!)).toBe("EAGAIN");
    expect(codeName(ERRNO.EOPNOTSUPP!)).toBe("EOPNOTSUPP");
    expect(codeName(ERRNO.ECONNRESET!)).toBe("ECONNRESET");
  });

  it("codeName() makes a name of a number that has none", () => {
    expect(codeName(9999)).toBe("E9999");
  });

  it("codeName() and ERRNO agree for every error", () => {
    for (const number of Object.values(ERRNO)) expect(ERRNO[codeName(number)]).toBe(number);
  });
});

describe("OSError", () => {
  it("has code, errno, syscall and a sentence with words", () => {
    const error = new OSError(ERRNO.ECONNREFUSED!, "connect", "connect to 127.0.0.1:1");
    expect(error.message).toBe("Cannot connect to 127.0.0.1:1: ECONNREFUSED (connection refused)");
    expect(error.code).toBe("ECONNREFUSED");
    expect(error.errno).toBe(NUMBERS[3]!);
    expect(error.syscall).toBe("connect");
    expect(error.name).toBe("OSError");
    expect(error instanceof Error).toBe(true);
  });

  it("has the words that commands have for the same failure of node:fs", () => {
    for (const code of ["ENOENT", "EISDIR", "EIO", "ENOSPC", "EPIPE", "EADDRNOTAVAIL"]) {
      const { message } = new OSError(ERRNO[code]!, "read");
      expect(message).toBe(`Cannot read: ${reasonOf({ code, message: "" })}`);
    }
    expect(reasonOf({ code: "EISDIR" })).toBe("EISDIR (illegal operation on a directory)");
  });

  it("has words of its own for each error of this system", () => {
    for (const number of Object.values(ERRNO)) {
      expect(new OSError(number, "read").message).not.toMatch(/\(Winsock \d+\)|unknown/i);
    }
  });

  it("names the system call where there is nothing better to say", () => {
    expect(new OSError(ERRNO.EPERM!, "bind").message).toMatch(/^Cannot bind: EPERM \(/);
  });

  it("survives a number that the system does not know", () => {
    expect(new OSError(9999, "bind").message).toMatch(/^Cannot bind: E9999 \(.+\)$/);
  });
});

describe("check()", () => {
  it("returns results that are not -1, and throws errno otherwise", () => {
    expect(check(0, "close")).toBe(0);
    expect(check(7, "open")).toBe(7);
    const error = thrownBy(() => check(c.close(-1), "close", "close nothing"));
    expect(error instanceof OSError).toBe(true);
    expect(error.message).toBe("Cannot close nothing: EBADF (bad file descriptor)");
  });
});
