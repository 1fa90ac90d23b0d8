// Every export of the library has a doc comment with an example, and every example does what it says:
// it type-checks, runs to its end without a word on stderr, and prints what its comments promise.
import { afterAll, describe, expect, it } from "bun:test";
import { join } from "node:path";
import { root } from "./support/cli.ts";
import {
  codeOf,
  type Example,
  publicSymbols,
  runExamples,
  writeExample,
} from "./support/doc_examples.ts";
import { TempDir } from "./support/files.ts";
import { run } from "./support/package.ts";

const HOW = `Add to its doc comment:

 * @example
 * \`\`\`ts
 * import { … } from "iomux";
 * …
 * console.log(value); // what it prints
 * \`\`\`

a program of a few lines that any user could run. For a backend that not every system has, make it
conditional on availableSelectors(): it may then print nothing.`;

const temp = new TempDir();
afterAll(() => temp[Symbol.dispose]());

const symbols = publicSymbols();
const byFile = new Map<string, Example[]>();
for (const { name, file, examples } of symbols) {
  const group = byFile.get(file) ?? [];
  byFile.set(file, group);
  examples.forEach((example, i) => {
    const code = codeOf(example);
    const title = i === 0 ? name : `${name}_${i + 1}`;
    const folder = temp.file(file.replaceAll("/", "_"));
    if (code !== undefined) group.push(writeExample(folder, title, code));
  });
}

/** One process for the examples of a file, started when the first of them is asked for. */
const outcomes = new Map<string, ReturnType<typeof runExamples>>();
function outcomesOf(file: string): ReturnType<typeof runExamples> {
  const outcome = outcomes.get(file) ?? runExamples(byFile.get(file)!);
  outcomes.set(file, outcome);
  return outcome;
}

describe("every export of lib/mod.ts", () => {
  it("is found, values and types", () => {
    const names = symbols.map(({ name }) => name);
    for (const name of ["EVENT_READ", "Selector", "createSelector", "Socket", "Address"]) {
      expect(names).toContain(name);
    }
  });

  for (const { name, file, line, documented, examples } of symbols) {
    it(`has an example that works: ${name}, ${file}`, async () => {
      const where = `${file}:${line}: ${name}`;
      if (!documented) throw new Error(`${where} has no doc comment`);
      if (examples.length === 0) throw new Error(`${where} has no @example. ${HOW}`);
      for (const example of examples) {
        const code = codeOf(example);
        if (code === undefined) throw new Error(`${where}: its @example has no \`\`\`ts block`);
        if (/from "\./.test(code)) throw new Error(`${where}: import from "iomux", as users do`);
        if (!code.includes(name)) throw new Error(`${where}: its @example does not use it`);
      }
      for (const [title, problem] of await outcomesOf(file)) {
        const own = title === name || title.startsWith(`${name}_`);
        if (own && problem) throw new Error(`The example of ${where} does not work: ${problem}`);
      }
    });
  }

  it("has an example that type-checks", () => {
    const paths = [...byFile.values()].flat().map(({ path }) => path);
    const options = [
      ...["--noEmit", "--strict", "--noUncheckedIndexedAccess", "--allowImportingTsExtensions"],
      ...["--target", "esnext", "--module", "nodenext", "--types", "bun"],
      ...["--typeRoots", join(root, "node_modules/@types")],
    ];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    expect(run("node", [tsc, ...options, ...paths], temp.path)).toBe("");
  });
});

describe("the runner of the examples", () => {
  const problemWith = async (code: string) =>
    (await runExamples([writeExample(temp.file("made-up"), "madeUp", code)])).get("madeUp");

  it("is content with one that does what it says", async () => {
    const code = 'import { EVENT_READ } from "iomux";\nconsole.log("READ is", EVENT_READ); // ';
    expect(await problemWith(`${code}READ is 1\nconsole.log(Math.random()); // e.g. 0.5`))
      .toBe(undefined);
    expect(await problemWith(`${code}READ is 2`)).toMatch(/it prints \["READ is 1"\], but .*is 2/);
    expect(await problemWith('import { no } from "iomux/net";\nno();')).toMatch(/it throws/);
    expect(await problemWith('console.error("oops");')).toMatch(/ended with 0.*\n.*oops/);
    expect(await problemWith("process.exit(3);")).toMatch(/ended with 3.*madeUp/);
  });
});
