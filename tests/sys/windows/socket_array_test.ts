// The sets that select() takes on Windows: pure memory, so they can be tried everywhere.
import { describe, expect, it } from "bun:test";
import { Timeval } from "../../../lib/sys/time.ts";
import { SocketArray } from "../../../lib/sys/windows/socket_array.ts";
import { NULL, viewAt } from "../../../lib/sys/ffi.ts";
import { onWindows } from "../../support/systems.ts";

/** struct fd_set as Windows would read it: the count, and that many sockets of 64 bits. */
function read(set: SocketArray): bigint[] {
  const address = set.arm();
  if (address === NULL) return [];
  const count = new DataView(viewAt(address, 8)).getUint32(0, true);
  const sockets = new DataView(viewAt(address, 8 + 8 * count));
  return Array.from({ length: count }, (_, i) => sockets.getBigUint64(8 + 8 * i, true));
}

describe("SocketArray", () => {
  it("is the count and the sockets, each once", () => {
    const set = new SocketArray(4);
    for (const fd of [104, 65_536, 104, 8]) set.add(fd);
    expect(read(set)).toEqual([104n, 65_536n, 8n]);
    expect([set.size, set.has(8), set.has(9)]).toEqual([3, true, false]);
  });

  it("fills the gap of a deleted one with the last", () => {
    const set = new SocketArray(4);
    for (const fd of [1, 2, 3, 4]) set.add(fd);
    for (const fd of [2, 4, 99]) set.delete(fd);
    expect(read(set).sort()).toEqual([1n, 3n]);
    set.add(5);
    expect(read(set).sort()).toEqual([1n, 3n, 5n]);
  });

  it("is the null pointer when nothing is asked, and has no answer then", () => {
    const set = new SocketArray(2);
    set.add(1);
    set.arm();
    set.delete(1);
    expect(set.arm()).toBe(NULL);
    expect(set.ready).toBe(0);
  });

  it("asks the same again after the system has overwritten it with its answer", () => {
    const set = new SocketArray(3);
    for (const fd of [1, 2, 3]) set.add(fd);
    const memory = new Int32Array(viewAt(set.arm(), 32));
    memory.set([1, 0, 3]); // of three asked about, 3 alone is ready
    expect([set.ready, set.at(0)]).toEqual([1, 3]);
    expect(read(set)).toEqual([1n, 2n, 3n]);
  });

  it("throws RangeError when there is no room", () => {
    const set = new SocketArray(2);
    set.add(1);
    set.add(2);
    expect(() => set.add(3)).toThrow(RangeError);
    set.add(2);
  });
});

describe("Timeval.set()", () => {
  const time = new Timeval();
  const at = onWindows ? 1 : 2; // two longs, which have 32 bits on Windows
  const fields = (ms: number) => {
    const numbers = new Int32Array(viewAt(time.set(ms), 16));
    return [numbers[0], numbers[at]];
  };

  it("splits milliseconds into seconds and microseconds, rounded up", () => {
    expect(fields(0)).toEqual([0, 0]);
    expect(fields(1500)).toEqual([1, 500_000]);
    expect(fields(0.1)).toEqual([0, 100]);
    expect(fields(0.0001)).toEqual([0, 1]);
    expect(fields(999.99999)).toEqual([1, 0]);
  });

  it("clamps what is huge, and takes Infinity for no limit", () => {
    expect(fields(1e300)[0]).toBeGreaterThan(2_000_000);
    expect(time.set(Infinity)).toBe(NULL);
  });
});
