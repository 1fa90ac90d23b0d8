// The matrix of docs/client.md, a row at a time, over each transport; and other netcats beside it.
import { describe, expect } from "bun:test";
import { itUnless } from "../support/systems.ts";
import { NO_TLS } from "../tls/certificates.ts";
import { outcome, ROWS } from "./matrix.ts";

for (const transport of ["tcp", "unix", "tls"] as const) {
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
