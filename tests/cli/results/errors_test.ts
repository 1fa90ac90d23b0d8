// One number of errors, wherever it stands, and percentiles with the messages that never came back.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { spawnCli, unwrapped } from "../../support/cli.ts";
import { TempDir } from "../../support/files.ts";
import { answering, type Target, target } from "../../support/misbehaving.ts";

const cases: [what: string, server: () => Promise<Target>, errors: number, says: RegExp][] = [
  [
    "time-outs",
    () => answering((message, sequence) => sequence % 10 === 9 ? null : message),
    10,
    /^errors +10: 10 timed out \(ETIMEDOUT 10\)$/m,
  ],
  [
    "wrong replies",
    () => answering((message, sequence) => sequence % 10 === 9 ? message.fill(0) : message),
    10,
    /^errors +10: 10 mismatched \(MISMATCH 10\)$/m,
  ],
  [
    "lost connections",
    () => target(({ socket }) => socket.once("data", () => socket.resetAndDestroy())),
    10,
    /^errors +10: 10 connections lost/m,
  ],
];

describe("the number of errors", () => {
  for (const [what, server, errors, says] of cases) {
    it(`is one in text, JSON, CSV, page, summary and threshold: ${what}`, async () => {
      using folder = new TempDir();
      await using target = await server();
      const files = ["json", "csv", "html", "md", "xml"].flatMap((
        x,
      ) => ["-o", folder.file(`r.${x}`)]);
      await using cli = spawnCli([
        ...["stress", target.name, "-c", "10", "-n", "100", "--timeout", "1s"],
        ...["--threshold", "errors==0", "--threshold", "p99<60s", ...files],
      ]);
      await cli.exit;
      const read = (ending: string) => readFileSync(folder.file(`r.${ending}`), "utf8");
      expect(unwrapped(cli.stdout())).toMatch(says);
      const { thresholds, latency_us: us, messages } = JSON.parse(read("json"));
      expect(thresholds[0]).toEqual({ expression: "errors==0", value: errors, ok: false });
      const [head, ...rows] = read("csv").trimEnd().split("\r\n").map((line) => line.split(","));
      const column = head!.indexOf("errors");
      expect(rows.reduce((sum, row) => sum + Number(row[column]), 0)).toBe(errors);
      expect(read("html")).toMatch(new RegExp(`<dt>errors</dt>\\s*<dd>${errors}: `));
      expect(read("md")).toMatch(new RegExp(`^\\| errors \\| ${errors}: `, "m"));
      expect(read("xml")).toContain(`message="errors==0: ${errors}"`);
      // Who was never answered is among the slowest.
      const unanswered = messages.timed_out + messages.lost;
      expect(us.unanswered).toBe(unanswered);
      const enough = unanswered > 0 || us.count === 0;
      expect(thresholds[1].ok).toBe(!enough);
      if (unanswered > 0) {
        expect(unwrapped(cli.stdout())).toMatch(/^threshold +FAILED +p99<60s: over 1\.00 s$/m);
        expect(read("html")).toContain("over 1.00 s");
      }
    });
  }
});
