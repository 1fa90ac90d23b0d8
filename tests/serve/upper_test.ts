// Upper case by vectors: the same as one by one, wherever the bytes lie.
import { describe, expect, it } from "bun:test";
import { SERVICES } from "../../lib/serve/services.ts";

const isLower = (byte: number) => byte >= 0x61 && byte <= 0x7a;

describe("the upper service", () => {
  it("changes a to z and no other byte, at every offset and length", () => {
    const memory = new Uint8Array(new ArrayBuffer(70_000)).map((_, i) => (i * 7 + (i >> 8)) & 0xff);
    for (const offset of [0, 1, 2, 3, 4, 64]) {
      for (const length of [0, 1, 15, 255, 256, 257, 271, 1024, 1700, 65_535, 65_536, 65_537]) {
        const bytes = memory.slice().subarray(offset, offset + length);
        const before = new Uint8Array(bytes.buffer).slice();
        const expected = bytes.slice().map((byte) => isLower(byte) ? byte - 0x20 : byte);
        expect(Buffer.compare(SERVICES.upper!.answer(bytes)!, expected)).toBe(0);
        before.set(bytes, offset); // what it may change
        expect(Buffer.compare(new Uint8Array(bytes.buffer), before)).toBe(0);
      }
    }
  });
});
