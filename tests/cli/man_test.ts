// The manual pages: mandoc has nothing to say, and every option is in them.
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

/** What mandoc prints of a page. */
function shown(page: string): string {
  const { stdout } = spawnSync("mandoc", ["-Tutf8"], { input: page, encoding: "utf8" });
  // Bold is a letter, a backspace, and the letter again.
  return stdout.replaceAll(new RegExp(`.${BACKSPACE}`, "g"), "");
}

describe("the manual pages", () => {
  itUnless(
    NO_MANDOC,
    "are clean to mandoc -Tlint, which finds the pages that they refer to",
    async () => {
      using folder = new TempDir();
      const commands = await describeCommands();
      const pages = new Map([["iomux.1", programManual(commands, edition)]]);
      for (const command of commands) {
        pages.set(`iomux-${command.name}.1`, commandManual(command, edition));
      }
      for (const [name, page] of pages) writeFileSync(folder.file(name), page);
      const options = { cwd: folder.path, encoding: "utf8" } as const;
      const lint = spawnSync("mandoc", ["-Tlint", "-W", "all", ...pages.keys()], options);
      expect(lint.stdout + lint.stderr).toBe("");
    },
  );

  for (const [name, { describe }] of Object.entries(COMMANDS)) {
    itUnless(
      NO_MANDOC,
      `iomux-${name}(1) has every option`,
      async () => {
        const command = await describe();
        const text = shown(commandManual(command, edition));
        expect(text).toContain(`IOMUX-${name.toUpperCase()}(1)`);
        for (const [key, { short }] of Object.entries<Option<unknown>>(command.options)) {
          expect(text).toContain(`${short === undefined ? "" : `-${short}, `}--${longName(key)}`);
        }
        for (const [example] of command.examples) expect(text).toContain(example);
        // What is typed as it stands, such as p99<5ms, is no beginning of a sentence.
        for (const { text: about } of Object.values<Option<unknown>>(command.options)) {
          for (const literal of about.match(/\S*(?:[\d<>=/]|:\S)\S*/g) ?? []) {
            expect(text).toContain(literal);
          }
        }
        for (const code of Object.keys(command.exits)) {
          expect(text).toMatch(new RegExp(`^ +${code}( |$)`, "m"));
        }
      },
    );
  }

  itUnless(NO_MANDOC, "iomux(1) has every command", async () => {
    const commands = await describeCommands();
    const text = shown(programManual(commands, edition));
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
