import { describe, expect, it } from "bun:test";
import { ERRNO, errno } from "../../lib/sys/errno.ts";
import { Native, NULL, viewAt } from "../../lib/sys/ffi.ts";
import { openFileLimit, raiseOpenFileLimit, threadCpu } from "../../lib/sys/process/limits.ts";
import { c, closeFd, isOpen, retry, sameBytes, setNonBlocking } from "../../lib/sys/posix.ts";
import { Timespec } from "../../lib/sys/time.ts";
import { sleepFor } from "../../lib/sys/windows/kernel32.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { itUnless, NO_FCNTL, NO_LIMITS, NO_PIPES, onWindows } from "../support/systems.ts";
import { duplicate, encode, ownership, pipe, thrownBy } from "../support/sockets.ts";

const F_GETFL = 3, O_NONBLOCK = 0o4000;

describe("descriptors", () => {
  const own = ownership();

  itUnless(NO_FCNTL, "setNonBlocking() sets and clears the flag, for duplicates too", () => {
    const [reader] = own(...pipe());
    const [copy] = own(duplicate(reader.fileno()));
    for (const on of [false, true, true, false]) {
      setNonBlocking(reader.fileno(), on);
      expect((c.fcntl(copy.fileno(), F_GETFL, 0) & O_NONBLOCK) !== 0).toBe(on);
    }
  });

  it("setNonBlocking() throws for a closed descriptor", () => {
    expect(thrownBy(() => setNonBlocking(-1, true)).message).toMatch(
      /^Cannot set descriptor -1 non-blocking: EBADF/,
    );
  });

  it("closeFd() closes, and throws EBADF the second time", () => {
    const [reader] = own(...(NO_PIPES ? socketPair() : pipe()));
    const copy = c.dup(reader.fileno());
    expect(isOpen(copy)).toBe(true);
    closeFd(copy);
    expect(isOpen(copy)).toBe(false);
    expect(thrownBy(() => closeFd(copy)).code).toBe("EBADF");
  });

  it("retry() repeats after EINTR only", () => {
    let calls = 0;
    const result = retry(() => {
      calls++;
      return c.close(-1);
    });
    expect([result, calls, errno()]).toEqual([-1, 1, ERRNO.EBADF!]);
  });

  it("sameBytes() compares the first bytes only", () => {
    expect(sameBytes(encode("hello"), encode("help!"), 3)).toBe(true);
    expect(sameBytes(encode("hello"), encode("help!"), 4)).toBe(false);
  });
});

describe("Timespec.set()", () => {
  const time = new Timespec();
  const fields = (ms: number) => {
    const view = new DataView(viewAt(time.set(ms), 16));
    return [Number(view.getBigInt64(0, true)), Number(view.getBigInt64(8, true))];
  };

  it("splits milliseconds into seconds and nanoseconds", () => {
    expect(fields(0)).toEqual([0, 0]);
    expect(fields(1)).toEqual([0, 1_000_000]);
    expect(fields(0.1)).toEqual([0, 100_000]);
    expect(fields(1500)).toEqual([1, 500_000_000]);
    expect(fields(999.9999999)).toEqual([1, 0]);
  });

  it("rounds up, so that a wait is never too short", () => {
    expect(fields(0.0000001)).toEqual([0, 1]);
    expect(fields(1.0000001)).toEqual([0, 1_000_001]);
  });

  it("clamps what is huge, and takes Infinity for no limit", () => {
    const [seconds, nanoseconds] = fields(1e300) as [number, number];
    expect(seconds).toBe(2 ** 31 - 1);
    expect(nanoseconds).toBe(0);
    expect(time.set(Infinity)).toBe(NULL);
  });
});

describe("limits", () => {
  it("openFileLimit() has a soft limit that is not above the hard one", () => {
    const { soft, hard } = openFileLimit();
    expect(soft).toBeGreaterThan(0);
    expect(soft).toBeLessThanOrEqual(hard);
  });

  itUnless(
    NO_LIMITS,
    "raiseOpenFileLimit() raises the soft limit to the hard one and tells what is in force",
    () => {
      const before = openFileLimit();
      const lowered = new Native(16);
      c.getrlimit(7, lowered.pointer);
      lowered.view.setBigUint64(0, BigInt(Math.min(before.soft, 512)), true);
      expect(c.setrlimit(7, lowered.pointer)).toBe(0);
      expect(openFileLimit().soft).toBe(Math.min(before.soft, 512));
      const after = raiseOpenFileLimit();
      expect(after).toEqual({ soft: before.hard, hard: before.hard });
      expect(openFileLimit()).toEqual(after);
    },
  );

  it("threadCpu() grows with work and not with waiting", () => {
    const total = () => threadCpu().user + threadCpu().system;
    const start = total();
    if (onWindows) sleepFor(100); // WSAPoll wants a socket
    else c.poll(NULL, 0, 100);
    const waited = total() - start;
    // For as long as it takes: other programs may have the processor.
    const worked = () => total() - start - waited > 20;
    for (const deadline = performance.now() + 2500; performance.now() < deadline && !worked();) {
      Math.random();
    }
    expect(waited).toBeLessThan(50);
    expect(worked()).toBe(true);
  });
});
