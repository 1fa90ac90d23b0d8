/**
 * Which JavaScript runtime executes this program, and what they do differently besides calling C (ffi.ts).
 * Nothing is loaded for it.
 */

/** The JavaScript runtime that executes this program. */
export type Runtime = "bun" | "deno" | "node";

const globals = globalThis as Record<string, any>;

export const runtime: Runtime = globals.Bun ? "bun" : globals.Deno ? "deno" : "node";

/** "bun 1.4.5". */
export const runtimeName = (): string => `${runtime} ${process.versions[runtime]}`;

/** Whether this is the thread that the process began with. Bun says so without node:worker_threads. */
export const isMainThread: boolean = globals.Bun?.isMainThread ??
  process.getBuiltinModule("node:worker_threads").isMainThread;

/**
 * Gives memory back that nothing refers to any more, in milliseconds; on Deno and Node it only does so
 * where they were started with --expose-gc. A heap grows to twice of what is in use before one of them
 * does it by itself.
 */
export const collectGarbage = (): void => globals.Bun ? globals.Bun.gc(true) : globals.gc?.();
