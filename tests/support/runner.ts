// Stands in for `bun:test` under Deno (an import-map alias in deno.json) and Node (node_hooks.mjs).
import * as runner from "node:test";
import { loading } from "./loading.ts";

export { after as afterAll, afterEach, before as beforeAll, beforeEach } from "node:test";
export { expect } from "expect";

/** Names what several.ts loads by its file. */
function named<F extends (name: string, ...rest: any[]) => unknown>(declare: F): F {
  return ((name: string, ...rest: unknown[]) =>
    declare(loading.file === undefined ? name : `${loading.file}: ${name}`, ...rest)) as F;
}

export const describe: typeof runner.describe = Object.assign(
  named(runner.describe as any),
  { skip: named(runner.describe.skip as any) },
) as any;
export const it: typeof runner.it = Object.assign(named(runner.it as any), {
  skip: named(runner.it.skip as any),
}) as any;
export const test: typeof runner.it = it;
