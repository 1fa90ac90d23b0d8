// What of lib/ the product has no use for: files that only tests import, exports that only tests name. Pure, so
// that a test can show that it finds what it must.
import { importsOf, withoutComments } from "./layers.ts";

const EXPORT =
  /^export (?:declare |abstract |async )*(?:const|let|function\*?|class|type|interface) ([\w$]+)/gm;

/** "lib/serve/a.ts" and "../net/mod.ts" make "lib/net/mod.ts". */
const resolve = (from: string, relative: string): string =>
  new URL(relative, `file:///${from}`).pathname.slice(1);

/** The files that none of the roots imports, however far down. */
export function unreachable(
  files: ReadonlyMap<string, string>,
  roots: readonly string[],
): string[] {
  const reached = new Set(roots);
  for (const path of reached) { // grows while it is walked
    for (const { target } of importsOf(withoutComments(files.get(path) ?? ""))) {
      if (target.startsWith(".")) reached.add(resolve(path, target));
    }
  }
  return [...files.keys()].filter((path) => !reached.has(path));
}

/** The exports of lib/ whose names stand nowhere else in these files. */
export function unusedExports(files: ReadonlyMap<string, string>): string[] {
  const codes = [...files].map(([path, text]) => [path, withoutComments(text)] as const);
  const counts = new Map<string, number>();
  for (const [, code] of codes) {
    for (const [word] of code.matchAll(/[\w$]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return codes.filter(([path]) => path.startsWith("lib/")).flatMap(([path, code]) =>
    [...code.matchAll(EXPORT)].filter(([, name]) => counts.get(name!) === 1)
      .map(([, name]) => `${path}: ${name}`)
  );
}
