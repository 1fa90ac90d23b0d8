// Makes `bun:test` resolve to runner.ts, so that the same test files run under `node --test`.
import { registerHooks } from "node:module";

const shim = new URL("./runner.ts", import.meta.url).href;
registerHooks({
  resolve: (name, context, next) =>
    name === "bun:test" ? { url: shim, shortCircuit: true } : next(name, context),
});
