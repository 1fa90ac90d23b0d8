// The manual pages: every option is in them, and mandoc has nothing to say.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { COMMANDS, describeCommands } from "../../lib/cli/commands.ts";
import { commandManual, programManual } from "../../lib/cli/help/man.ts";
import { longName, type Option } from "../../lib/cli/options/option.ts";
import { TempDir } from "../support/files.ts";
import { itUnless } from "../support/systems.ts";

const edition = { version: "1.2.3", date: new Date("2026-11-29") };
const BACKSPACE = String.fromCodePoint(8);
const NO_MANDOC = spawnSync("mandoc", ["-h"]).error ? "no mandoc here" : undefined;

/** What mandoc prints; it looks for the other pages where the system has its own. */
function mandoc(folder: TempDir, page: string, output: string): string {
  const file = folder.file("page.1");
  writeFileSync(file, page);
  const { stdout } = spawnSync("mandoc", [...output.split(" "), file], { encoding: "utf8" });
  // Bold is a letter, a backspace, and the letter again.
  const plain = stdout.replaceAll(new RegExp(`.${BACKSPACE}`, "g"), "");
  return plain.split("\n").filter((line) => !line.includes("referenced manual not found")).join(
    "\n",
  );
}

describe("the manual pages", () => {
  for (const [name, { describe }] of Object.entries(COMMANDS)) {
    itUnless(
      NO_MANDOC,
      `iomux-${name}(1) has every option, and nothing that mandoc -Tlint warns of`,
      async () => {
        using folder = new TempDir();
        const command = await describe();
        const page = commandManual(command, edition);
        expect(mandoc(folder, page, "-Tlint -W all")).toBe("");
        const text = mandoc(folder, page, "-Tutf8");
        expect(text).toContain(`IOMUX-${name.toUpperCase()}(1)`);
        for (const [key, { short }] of Object.entries<Option<unknown>>(command.options)) {
          expect(text).toContain(`${short === undefined ? "" : `-${short}, `}--${longName(key)}`);
        }
        for (const [example] of command.examples) expect(text).toContain(example);
        for (const code of Object.keys(command.exits)) {
          expect(text).toMatch(new RegExp(`^ +${code}( |$)`, "m"));
        }
      },
    );
  }

  itUnless(NO_MANDOC, "iomux(1) has every command", async () => {
    using folder = new TempDir();
    const commands = await describeCommands();
    const page = programManual(commands, edition);
    expect(mandoc(folder, page, "-Tlint -W all")).toBe("");
    const text = mandoc(folder, page, "-Tutf8");
    for (const { name } of commands) expect(text).toContain(`iomux-${name}(1)`);
    expect(text).toContain("November 29, 2026");
  });

  it("are text of ASCII alone, the same for the same day", async () => {
    const all = await describeCommands();
    const pages = () => all.map((command) => commandManual(command, edition)).join("");
    expect(/^[\n\x20-\x7e]*$/.test(pages())).toBe(true);
    expect(pages()).toBe(pages());
  });
});
