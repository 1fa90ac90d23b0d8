// Every command line of README.md and docs/ does what it is shown for.
import { beforeAll, describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/cli.ts";
import { briefly, fencedBlocks, type Outcome, runBlock } from "./support/shell_blocks.ts";

/** Run by .ci/run on a clean checkout: they set up what this test runs in. */
const SET_UP = ["npm ci && npm start -- stress", "npm ci && npm test"];

const files = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs")).map((f) => `docs/${f}`),
]
  .filter((file) => file.endsWith(".md"));

/** The shell blocks of a file. */
const blocks = (file: string): string[] =>
  fencedBlocks(readFileSync(join(root, file), "utf8"))
    .flatMap(({ lang, text }) => lang === "sh" ? [text] : []);

/** What became of each block. */
const outcomes = new Map<string, Promise<Outcome>>();

/** Runs the blocks in their order, three at a time: most of their time is waiting. */
function runAll(scripts: string[]): void {
  const left = scripts.map((script) => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    outcomes.set(script, promise);
    return { script, resolve };
  });
  const lane = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      next.resolve(await runBlock(briefly(next.script)));
    }
  };
  for (let lanes = 0; lanes < 3; lanes++) void lane();
}

describe("the documentation", () => {
  const shown = (file: string) => blocks(file).filter((script) => !SET_UP.includes(script.trim()));
  beforeAll(() => runAll([...new Set(files.flatMap(shown))]));

  for (const file of files) {
    for (const script of shown(file)) {
      const title = script.trim().replaceAll("\n", "; ");
      it(`${file} shows a command that works: ${title}`, async () => {
        const { code, output } = await outcomes.get(script)!;
        // How two short runs compare depends on what else the machine does at the time.
        expect(`${code} ${output}`).toMatch(script.includes("--baseline") ? /^[07] / : /^0 /);
        for (const word of ["hello", "every byte before the end"]) {
          if (script.includes(word)) expect(output.toLowerCase()).toContain(word);
        }
        // "invalid" where other programs leave too little of it for an open loop.
        if (script.includes("stress")) expect(output).toMatch(/verdict +(pass|invalid)/);
      });
    }
  }

  it("README.md has the two command lines that CI runs", () => {
    const all = blocks("README.md").map((script) => script.trim());
    for (const line of SET_UP) expect(all).toContain(line);
  });

  it("README.md leaves no server behind where jobs have numbers, pasted in one go", () => {
    const started = blocks("README.md").filter((script) => script.includes(" &\n"));
    expect(started.length).toBeGreaterThan(2);
    const script = `set -m
iomux() { if [ "$1" = serve ]; then exec sleep 20; fi; }
sleep() { command sleep 0.1; }
${started.join("")}
for try in $(seq 100); do [ -z "$(jobs -r)" ] && break; sleep; done
echo "left: $(jobs -r)"
kill $(jobs -p) 2>/dev/null`;
    const { stdout } = spawnSync("bash", ["-c", script], { encoding: "utf8", timeout: 50_000 });
    expect(stdout).toBe("left: \n");
  });

  it("README.md makes iomux a command of the shell from source", async () => {
    const ways = fencedBlocks(readFileSync(join(root, "README.md"), "utf8"))
      .filter(({ lang }) => lang === "bash").map(({ text }) => text);
    expect(ways.length).toBe(3);
    const { code, output } = await runBlock(`${ways.at(-1)}iomux --version`);
    expect(`${code} ${output}`).toMatch(/^0 \d+\.\d+\.\d+\n$/);
  });

  it("links between the documents lead somewhere", () => {
    for (const file of files) {
      const folder = file.includes("/") ? join(root, "docs") : root;
      for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(/\]\(([^)#]+)\)/g)) {
        if (!target!.startsWith("https://")) readFileSync(join(folder, target!));
      }
    }
  });
});
