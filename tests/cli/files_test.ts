// Files that options name and that can't be opened: the same words in every command, for the same failure.
import { describe, expect } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { itUnless } from "../support/systems.ts";

/** The options, and how a message about their file begins. */
const OPTIONS: [begin: string, code: number, args: (file: string) => string[]][] = [
  ["Cannot read the handler", 2, (file) => ["serve", "--handler", file]],
  ["Cannot read the certificate", 2, (file) => ["serve", "--tls-cert", file, "--tls-key", file]],
  ["Cannot read the script", 2, (file) => ["client", "127.0.0.1:1", "--script", file]],
  ["Cannot read the scenario", 2, (file) => ["stress", "--scenario", file]],
  ["Cannot read the message file", 2, (file) => ["stress", "--message-file", file]],
  ["Cannot read the baseline", 2, (file) => ["stress", "--baseline", file]],
  ["Cannot read the authorities", 2, (file) => ["probe", "127.0.0.1:1", "--tls", "--tls-ca", file]],
  ["Cannot read the result", 1, (file) => ["report", file]],
  ["Cannot write the result to", 1, (file) => ["stress", "-n", "1", "-o", file]],
  ["Cannot write the result to", 1, (file) => ["probe", "reset", "-o", file]],
];

/** Why a file can't be opened, and what makes it so. */
const REASONS: [reason: string, make: (folder: TempDir) => string][] = [
  ["ENOENT (no such file or directory)", (folder) => folder.file("no/x.json")],
  ["ENOTDIR (not a directory)", (folder) => {
    writeFileSync(folder.file("file"), "");
    return folder.file("file/x.json");
  }],
  ["ELOOP (too many symbolic links encountered)", (folder) => {
    symlinkSync("x.json", folder.file("x.json"));
    return folder.file("x.json");
  }],
  ["ENAMETOOLONG (name too long)", (folder) => folder.file(`${"x".repeat(300)}.json`)],
  ["EISDIR (illegal operation on a directory)", (folder) => {
    mkdirSync(folder.file("x.json"));
    return folder.file("x.json");
  }],
];

const OTHER_CODES = process.platform === "win32" ? "Windows has other codes" : undefined;

describe("a file that an option names", () => {
  for (const [reason, make] of REASONS) {
    itUnless(OTHER_CODES, `is refused in the same words by every command: ${reason}`, async () => {
      using folder = new TempDir();
      const file = make(folder);
      for (const [begin, code, args] of OPTIONS) {
        await using cli = spawnCli(args(file));
        const exit = await cli.exit;
        const why = begin.endsWith("handler") && reason.startsWith("EISDIR")
          ? "it is no regular file" // as a pipe is not, which can't be read twice
          : reason;
        expect([cli.stderr(), exit.code]).toEqual([
          `iomux: ${begin} ${file}: ${why}\n`,
          code,
        ]);
      }
    });
  }
});
