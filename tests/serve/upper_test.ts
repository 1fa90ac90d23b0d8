// Upper case by four bytes at a time: the same as one by one, wherever the bytes lie.
import { describe, expect, it } from "bun:test";
import { SERVICES } from "../../lib/serve/services.ts";

describe("the upper service", () => {
  it("changes a to z and no other byte, at every offset and length", () => {
    const memory = new Uint8Array(new ArrayBuffer(2048)).map((_, i) => (i * 7 + (i >> 8)) & 0xff);
    for (const offset of [0, 1, 2, 3, 4, 64]) {
      for (const length of [0, 1, 255, 256, 257, 258, 259, 1024, 1700]) {
        const bytes = memory.slice().subarray(offset, offset + length);
        const expected = bytes.slice().map((b) => b >= 0x61 && b <= 0x7a ? b - 0x20 : b);
        const before = bytes.buffer.slice(0);
        expect(SERVICES.upper!.answer(bytes)).toBe(bytes);
        expect(Buffer.compare(bytes, expected)).toBe(0);
        const around = new Uint8Array(bytes.buffer);
        new Uint8Array(before).set(expected, offset);
        expect(Buffer.compare(around, new Uint8Array(before))).toBe(0);
      }
    }
  });
});
