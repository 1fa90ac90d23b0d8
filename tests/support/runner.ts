// Stands in for `bun:test` under Deno (an import-map alias in deno.json) and Node (node_hooks.mjs).
export { after as afterAll, afterEach, before as beforeAll, beforeEach } from "node:test";
export { describe, it, test } from "node:test";
export { expect } from "expect";
