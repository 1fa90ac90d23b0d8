// Completions, pressed for real: each shell on a terminal of its own, with the script that iomux prints.
import { describe, expect, it } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { longName } from "../../lib/cli/options/option.ts";
import { cliCommand, spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { itUnless } from "../support/systems.ts";
import { NO_TERMINAL, plainText, shellLine, Terminal } from "../support/terminal.ts";

const ESCAPE = "\x1b";

/** A folder with the scripts, an `iomux` on the PATH, and two files to complete. */
function prepare(): TempDir {
  const folder = new TempDir();
  const [command, args] = cliCommand([]);
  writeFileSync(folder.file("iomux"), `#!/bin/sh\nexec ${shellLine([command, ...args])} "$@"\n`, {
    mode: 0o755,
  });
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const script = execFileSync(command, [...args, "completion", shell], { encoding: "utf8" });
    writeFileSync(folder.file(`completion.${shell}`), script);
  }
  mkdirSync(folder.file("some"));
  writeFileSync(folder.file("some/my cert.pem"), "");
  writeFileSync(folder.file("run-a.json"), "{}");
  return folder;
}

interface Shell {
  readonly name: string;
  /** How it is started in `folder`, without settings of the user. */
  start(folder: string): Terminal;
  /** What is typed first. */
  readonly begin: readonly string[];
}

const environment = (folder: string, more: Record<string, string> = {}) => ({
  HOME: folder,
  PATH: `${folder}${delimiter}${process.env.PATH}`,
  ...more,
});

const SHELLS: Shell[] = [
  {
    name: "bash",
    start: (folder) =>
      new Terminal(
        `sh -c 'cd "$HOME" && exec bash --norc --noprofile -i'`,
        120,
        environment(folder),
      ),
    begin: [
      ". ./completion.bash",
      "bind 'set bell-style none'",
      "bind 'set completion-query-items 0'",
    ],
  },
  {
    name: "zsh",
    start: (folder) =>
      new Terminal(
        `sh -c 'cd "$HOME" && exec zsh -f -i'`,
        120,
        environment(folder, { ZDOTDIR: folder }),
      ),
    begin: [
      "unsetopt prompt_sp beep; autoload -U compinit; compinit -u -D",
      ". ./completion.zsh",
    ],
  },
  {
    name: "fish",
    start: (folder) =>
      new Terminal(
        `sh -c 'cd "$HOME" && exec fish --no-config -i'`,
        120,
        environment(folder, { XDG_CONFIG_HOME: folder, fish_features: "no-query-term" }),
      ),
    begin: ["source completion.fish"],
  },
];

/** What is typed before Tab, and what stands on the line after it. */
const CASES: readonly [typed: string, completed: RegExp][] = [
  ["iomux stre", /iomux stress /],
  ["iomux rep", /iomux report /],
  ["iomux help cli", /iomux help client/],
  ["iomux stress --conne", /iomux stress --connect|--connect-rate/],
  ["iomux stress --messages-p", /iomux stress --messages-per-connection/],
  ["iomux serve --selector ep", /iomux serve --selector epoll/],
  ["iomux serve --service ch", /iomux serve --service chargen/],
  ["iomux serve -p 0 --log-level deb", /iomux serve -p 0 --log-level debug/],
  ["iomux serve --engine ur", /iomux serve --engine uring/],
  ["iomux stress --client-engine rea", /iomux stress --client-engine readiness/],
  ["iomux probe half", /iomux probe half-close/],
  ["iomux serve --tls-cert some/my", /iomux serve --tls-cert some\/my\\? ?cert.pem|my\\ cert.pem/],
  ["iomux report run", /iomux report run-a\.json/],
  ["iomux stress 127.0.0.1:9 --messages-p", /9 --messages-per-connection/],
  ["iomux stress localhost:9 -c 5 --client-selector ep", /-c 5 --client-selector epoll/],
  ["iomux client 127.0.0.1 9 --send-o", /9 --send-only/],
  ["iomux completion fi", /iomux completion fish/],
  ["iomux stress --compare sel", /iomux stress --compare select/],
];

describe("iomux completion", () => {
  for (const shell of SHELLS) {
    const missing = spawnSync(shell.name, ["--version"]).error;
    const reason = NO_TERMINAL ?? (missing ? `no ${shell.name} here` : undefined);
    itUnless(
      reason,
      `${shell.name}: Tab completes commands, options, values and files`,
      async () => {
        using folder = prepare();
        await using terminal = shell.start(folder.path);
        terminal.type(`${shell.begin.join("; ")}; echo be''gin\r`);
        let from = await terminal.says(/begin/);
        for (const [typed, completed] of CASES) {
          terminal.type(`${typed}\t`);
          await terminal.reads(completed, from);
          // Away with the line, and a mark that the next one comes after.
          terminal.type("\x15"); // the cursor is at its end
          terminal.type("echo ne''xt\r");
          from = await terminal.says(/next/, from);
        }
      },
    );
  }

  const noFish = spawnSync("fish", ["--version"]).error ? "no fish here" : undefined;
  itUnless(noFish, "fish: an option has a description, its values have none", () => {
    using folder = prepare();
    const complete = (typed: string) => {
      const script = `source completion.fish; complete -C "iomux ${typed}"`;
      const options = { cwd: folder.path, encoding: "utf8" } as const;
      return execFileSync("fish", ["--no-config", "-c", script], options).trimEnd().split("\n");
    };
    expect(complete("serve --log-lev")).toEqual([expect.stringMatching(/^--log-level\tthe least/)]);
    expect(complete("serve --log-level ")).toEqual(["debug", "error", "info", "warn"]);
    expect(complete("serve --log-level=d")).toEqual(["--log-level=debug"]);
    expect(complete("serve --service u")).toEqual(["upper"]);
    expect(complete("completion po")).toEqual(["powershell"]);
  });

  it("has every command and every long option in each shell's script", async () => {
    using folder = prepare();
    for (const shell of ["bash", "zsh", "fish", "powershell"]) {
      const script = execFileSync("cat", [folder.file(`completion.${shell}`)], {
        encoding: "utf8",
      });
      for (const { describe } of Object.values(COMMANDS)) {
        const { name, options } = await describe();
        expect(script).toContain(name);
        for (const key of Object.keys(options)) {
          const option = longName(key);
          expect(script).toContain(shell === "fish" ? `-l ${option} ` : `--${option}`);
        }
      }
    }
  });

  it("refuses shells that there are not, and names the nearest", async () => {
    await using none = spawnCli(["completion"]);
    expect([(await none.exit).code, none.stderr()]).toEqual([
      2,
      "iomux: missing shell: bash, zsh, fish, powershell\n",
    ]);
    await using wrong = spawnCli(["completion", "zhs"]);
    expect([(await wrong.exit).code, wrong.stdout()]).toEqual([2, ""]);
    expect(wrong.stderr()).toContain("(did you mean zsh?)");
  });
});

describe("a terminal's text", () => {
  it("is read without colours, titles and moves", () => {
    expect(plainText(`${ESCAPE}]0;title\x07a${ESCAPE}[31mb${ESCAPE}[0m${ESCAPE}[2Kc`)).toBe("abc");
  });
});
