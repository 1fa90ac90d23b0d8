/**
 * The foreign-function interfaces of `bun:ffi`, `Deno.dlopen` and `node:ffi` behind one face, see ffi.ts. No module of
 * a runtime is imported statically, because each of the three would fail to load (or to bundle) the other two's.
 */
import { type Runtime, runtime } from "./runtime.ts";

/**
 * C types of arguments and results.
 *
 * `size` is a size_t, nfds_t or ssize_t whose value fits in 31 bits. It travels as a 32-bit integer,
 * since for such values sign and zero extension agree, and since 64-bit arguments cost 100 ns on
 * Deno and are bigint-only on Node. `pointer` takes an address made once by `allocate`; `buffer`
 * takes bytes (or null), and costs more on Deno.
 */
export type CType = "void" | "i32" | "size" | "u64" | "pointer" | "buffer";

/** A C function: its parameters, its result, and its symbol where that differs from the key. */
export interface Signature {
  readonly args: readonly CType[];
  readonly result: CType;
  readonly symbol?: string;
  /** See `openElsewhere`. */
  readonly nonblocking?: boolean;
}

/** What each runtime must provide; the three implementations below are all there is per runtime. */
export interface Backend {
  /** Opens a library and binds each entry of the table; throws when the library or a symbol is missing. */
  open(library: string, table: Record<string, Signature>): Record<string, unknown>;
  /** The address of the first byte; valid as long as `bytes` is referenced and over its own ArrayBuffer. */
  address(bytes: Uint8Array): unknown;
  /** An address as a number, and a number as an address. */
  number(address: unknown): number;
  pointer(number: number): unknown;
  /** Memory at an address, without a copy. */
  view(address: unknown, length: number): ArrayBuffer;
  readonly nil: unknown;
}

const globals = globalThis as Record<string, any>;
const builtin = (name: string): any => process.getBuiltinModule(name as "fs");

/** The runtime's own type name: ours, except where `special` says otherwise. */
const typeName = (type: CType, special: Partial<Record<CType, string>>): string =>
  special[type] ?? (type === "size" ? "i32" : type);

function bunBackend(): Backend {
  const ffi = builtin("bun:ffi");
  const name = (type: CType) => typeName(type, { pointer: "ptr", buffer: "ptr" });
  return {
    open(library, table) {
      // bun:ffi has no aliases: bind the symbols by their C names, then hand them out by key.
      const bySymbol = Object.fromEntries(
        Object.entries(table).map(([key, s]) => [
          s.symbol ?? key,
          { args: s.args.map(name), returns: name(s.result) },
        ]),
      );
      const { symbols } = ffi.dlopen(library, bySymbol);
      return Object.fromEntries(Object.entries(table).map(([k, s]) => [k, symbols[s.symbol ?? k]]));
    },
    address: (bytes) => ffi.ptr(bytes),
    number: (address) => Number(address),
    pointer: (number) => number,
    view: (address, length) => ffi.toArrayBuffer(address, 0, length),
    nil: null,
  };
}

function denoBackend(): Backend {
  const deno = globals.Deno;
  return {
    open(library, table) {
      const entries = Object.entries(table).map(([key, s]) => [key, {
        name: s.symbol ?? key,
        parameters: s.args.map((type) => typeName(type, {})),
        result: typeName(s.result, {}),
        nonblocking: s.nonblocking === true,
      }]);
      return deno.dlopen(library, Object.fromEntries(entries)).symbols;
    },
    address: (bytes) => deno.UnsafePointer.of(bytes),
    number: (address) => Number(deno.UnsafePointer.value(address)),
    pointer: (number) => deno.UnsafePointer.create(BigInt(number)),
    view: (address, length) => deno.UnsafePointerView.getArrayBuffer(address, length),
    nil: null,
  };
}

/** That of a Node without node:ffi: what needs no native call works all the same. */
function withoutCalls(): Backend {
  const refuse = () => {
    throw new Error(
      `Cannot call native code: Node ${process.versions.node} has no node:ffi; use Node 26.1 or ` +
        "newer (before 26.10 with --experimental-ffi), Bun or Deno",
    );
  };
  return { open: refuse, address: refuse, number: refuse, pointer: refuse, view: refuse, nil: 0n };
}

function nodeBackend(): Backend {
  const ffi = builtin("node:ffi");
  if (!ffi) return withoutCalls();
  const name = (type: CType) => typeName(type, { buffer: "pointer" });
  return {
    open(library, table) {
      const opened = new ffi.DynamicLibrary(library);
      return Object.fromEntries(
        Object.entries(table).map(([key, s]) => [
          key,
          opened.getFunction(s.symbol ?? key, {
            arguments: s.args.map(name),
            return: name(s.result),
          }),
        ]),
      );
    },
    address: (bytes) => ffi.getRawPointer(bytes),
    number: (address) => Number(address),
    pointer: (number) => BigInt(number),
    view: (address, length) => ffi.toArrayBuffer(address, length, false),
    nil: 0n,
  };
}

const backends: Record<Runtime, () => Backend> = {
  bun: bunBackend,
  deno: denoBackend,
  node: nodeBackend,
};
/** That of the runtime that this is. */
export const backend: Backend = backends[runtime]();
