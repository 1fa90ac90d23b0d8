// Makes `bun:test` resolve to runner.ts, so that the same test files run under `node --test`; and keeps
// what Node compiles: each test file, and each program that a test starts, is a process that needs the
// same modules, and without their types. That is most of what the suite costs on Node.
import { enableCompileCache, registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
  new URL("../../node_modules/.cache/node", import.meta.url),
);
enableCompileCache(process.env.NODE_COMPILE_CACHE); // here; the processes that follow see the variable

const shim = new URL("./runner.ts", import.meta.url).href;
registerHooks({
  resolve: (name, context, next) =>
    name === "bun:test" ? { url: shim, shortCircuit: true } : next(name, context),
});
