// For consumers whose compiler target is older than Symbol.dispose; kept in the declarations.
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * iomux: I/O multiplexing with real readiness from the operating system, and sockets to use it on.
 *
 * @module
 */
export * from "./selectors/mod.ts";
export * from "./net/mod.ts";
