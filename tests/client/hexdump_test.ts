// The dump of `iomux client -x`, beside one that is put together from text.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type Direction, Hexdump } from "../../lib/cli/client/hexdump.ts";

const NOON = new Date(2026, 0, 2, 12, 30, 1, 250);

/** What hexdump(1) prints with -C of all the bytes, in rows that begin where each piece does. */
function plainly(arrow: string, offset: number, bytes: Uint8Array): string {
  const rows = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) => {
    const row = bytes.subarray(16 * i, 16 * i + 16);
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, "0"));
    const halves = [hex.slice(0, 8), hex.slice(8)].map((half) => half.join(" ").padEnd(23));
    const text = String.fromCharCode(...row).replace(/[^ -~]/g, ".");
    const place = (offset + 16 * i).toString(16).padStart(8, "0");
    return `${arrow} ${place}  ${halves.join("  ")}  |${text}|\n`;
  });
  const noun = bytes.length === 1 ? "byte" : "bytes";
  return `${arrow} 12:30:01.250 ${bytes.length} ${noun}\n${rows.join("")}`;
}

describe("Hexdump", () => {
  it("shows every byte of both directions, in pieces of any length", () => {
    const piece = fc.tuple(
      fc.constantFrom<Direction>("sent", "received"),
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
    );
    fc.assert(fc.property(fc.array(piece), (pieces) => {
      const dump = new Hexdump();
      const offsets = { sent: 0, received: 0 };
      for (const [direction, bytes] of pieces) {
        const lines = new TextDecoder().decode(dump.lines(direction, bytes, NOON));
        const arrow = direction === "sent" ? ">" : "<";
        expect(lines).toBe(plainly(arrow, offsets[direction], bytes));
        offsets[direction] += bytes.length;
      }
    }));
  });
});
