// The matrix of docs/client.md, a row at a time.
import { describe, expect } from "bun:test";
import { itUnless } from "../../support/systems.ts";
import { NO_TLS } from "../../tls/certificates.ts";
import type { Transport } from "../far_end.ts";
import { outcome, ROWS } from "./cells.ts";

/** Every row with iomux client over this transport. */
export function matrixOver(transport: Transport): void {
  describe(`iomux client over ${transport}`, () => {
    for (const row of ROWS) {
      itUnless(transport === "tls" ? NO_TLS : undefined, row.name, async () => {
        const expected = row.over?.[transport] ?? row.expected;
        const { words, stderr } = await outcome("iomux", row, expected, transport);
        expect(words + (words === expected ? "" : `\n${stderr}`)).toBe(expected);
      });
    }
  });
}
