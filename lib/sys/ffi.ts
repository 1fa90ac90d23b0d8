/**
 * One synchronous foreign-function interface over those of the runtimes.
 *
 * This file, backends.ts and runtime.ts are the only ones that name a runtime.
 */
import { isAbsolute } from "node:path";
import { backend, type CType, type Signature } from "./backends.ts";
import { runtime } from "./runtime.ts";
import { LIBC, on, system } from "./system.ts";

export type { CType, Signature };

declare const opaque: unique symbol;
/** A native address. Its JavaScript type differs per runtime, so nothing may compute with it. */
export type Pointer = { readonly [opaque]: "pointer" };

type Argument<C extends CType> = C extends "pointer" ? Pointer
  : C extends "buffer" ? Uint8Array | null
  : C extends "u64" ? bigint
  : number;
type Result<C extends CType> = C extends "void" ? void
  : C extends "pointer" | "buffer" ? Pointer
  : C extends "u64" ? bigint
  : number;
type Arguments<A extends readonly CType[]> = { -readonly [I in keyof A]: Argument<A[I]> };
/** The callable functions that `open` makes from a table of signatures. */
export type Functions<D extends Record<string, Signature>> = {
  readonly [K in keyof D]: (...args: Arguments<D[K]["args"]>) => Result<D[K]["result"]>;
};

export const NULL = backend.nil as Pointer;

/** Parts in which no symbol occurs twice: a library, opened once, gives it one signature only. */
function withoutAliases(table: Record<string, Signature>): Record<string, Signature>[] {
  const parts = [new Map<string, [string, Signature]>()]; // an empty table opens the library, too
  for (const [key, signature] of Object.entries(table)) {
    const symbol = signature.symbol ?? key;
    let part = parts.find((some) => !some.has(symbol));
    if (!part) parts.push(part = new Map());
    part.set(symbol, [key, signature]);
  }
  return parts.map((part) => Object.fromEntries(part.values()));
}

const RTLD_NOW = 2;
const RTLD_DEEPBIND = 8;

/** Loaded in every process; or of Windows, which takes what it knows (KnownDLLs) from its own folder. */
const ALWAYS_LOADED = [...LIBC, ...on(["libdl.so.2"], [], [], ["kernel32.dll", "msvcrt.dll"])];

/**
 * Makes sure that a library has a path, or is loaded: a bare name Bun, macOS and Windows look for in the
 * current folder, too. dlopen(3) of Linux does not, and what it has loaded the runtime takes.
 * Node's executable exports an OpenSSL of its own, of another version, to which the dynamic linker would
 * bind the calls within libssl: with RTLD_DEEPBIND a library keeps to itself, on glibc.
 */
function loadByName(library: string): void {
  if (isAbsolute(library) || ALWAYS_LOADED.includes(library)) return;
  if (system !== "linux" || /[\\/]/.test(library)) throw new Error("it has no absolute path");
  // Before glibc 2.34 dlopen is in the other library.
  const { dlopen } = open([...LIBC, "libdl.so.2"], {
    dlopen: { args: ["buffer", "i32"], result: "pointer" },
  });
  if (addressOf(dlopen(cString(library), RTLD_NOW | RTLD_DEEPBIND)) === 0) {
    throw new Error("the dynamic linker can't load it");
  }
}

/**
 * Binds the functions of a table in the first of `libraries` that can be opened, none by a relative path.
 *
 * Throws an Error that says what to do when none can be opened or the runtime refuses native calls.
 */
export function open<const D extends Record<string, Signature>>(
  libraries: readonly string[],
  table: D,
): Functions<D> {
  let failure: unknown;
  for (const library of libraries) {
    try {
      loadByName(library);
      const parts = withoutAliases(table).map((part) => backend.open(library, part));
      return Object.assign({}, ...parts) as Functions<D>;
    } catch (error) {
      failure ??= error;
      if (error instanceof Error && error.name === "NotCapable") break;
    }
  }
  const why = failure instanceof Error ? failure.message.split("\n")[0] : String(failure);
  throw new Error(`Cannot load ${libraries.join(" or ")}: ${why}`);
}

/** An address as a number, to be written into a struct, or compared with MAP_FAILED. */
export const addressOf = (pointer: Pointer): number => backend.number(pointer);

/**
 * A number as an address: for a 64-bit argument that is the same in every call, made once. A seventh
 * argument lies on the stack, where the upper half of a "size" is whatever was there before.
 */
export const pointerOf = (number: number): Pointer => backend.pointer(number) as Pointer;

/** The functions of a table, called on a thread of the runtime's own. */
export type Elsewhere<D extends Record<string, Signature>> = {
  readonly [K in keyof D]: (...args: Arguments<D[K]["args"]>) => Promise<Result<D[K]["result"]>>;
};

/**
 * As `open`, for functions that block: the calls are made on another thread and return promises. errno is
 * lost. Undefined where the runtime has no such calls, which is all but Deno.
 */
export function openElsewhere<const D extends Record<string, Signature>>(
  libraries: readonly string[],
  table: D,
): Elsewhere<D> | undefined {
  if (runtime !== "deno") return undefined;
  const nonblocking = Object.entries(table).map(([key, s]) => [key, { ...s, nonblocking: true }]);
  return open(libraries, Object.fromEntries(nonblocking)) as unknown as Elsewhere<D>;
}

const SOURCES = {
  bun: `(name, table) => process.getBuiltinModule("bun:ffi").dlopen(name,
    Object.fromEntries(Object.entries(table).map(([f, args]) => [f, {
      args: args.map((a) => a === "buffer" ? "ptr" : a), returns: "i32" }]))).symbols`,
  node: `(name, table) => {
    const library = new (process.getBuiltinModule("node:ffi").DynamicLibrary)(name);
    return Object.fromEntries(Object.entries(table).map(([f, args]) => [f, library.getFunction(f, {
      arguments: args.map((a) => a === "buffer" ? "pointer" : a), return: "i32" })]));
  }`,
};

/**
 * JavaScript text of an expression that binds functions which return an int, as `open` would: for a
 * thread whose program is text and that can import nothing. On Bun and Node, which lack `openElsewhere`.
 */
export const openSource = (
  libraries: readonly string[],
  table: Record<string, readonly ("i32" | "buffer")[]>,
): string =>
  `((open) => {
    for (const name of ${JSON.stringify(libraries)}) {
      try { return open(name, ${JSON.stringify(table)}); } catch { /* the next name */ }
    }
  })(${SOURCES[runtime as keyof typeof SOURCES]})`;

/** `length` bytes of native memory at `address`, seen without a copy. */
export const viewAt = (address: Pointer, length: number): ArrayBuffer =>
  backend.view(address, length);

/** The text of a C string at an address. */
export function stringAt(address: Pointer): string {
  for (let length = 16;; length += 16) {
    const bytes = new Uint8Array(viewAt(address, length));
    const end = bytes.indexOf(0);
    if (end >= 0 || length >= 512) {
      return new TextDecoder().decode(bytes.slice(0, Math.max(end, 0)));
    }
  }
}

/** Text as a C string. */
export const cString = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** Memory that native code may keep an address of: it never moves, and lives while this object does. */
export class Native {
  readonly length: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly int32: Int32Array<ArrayBuffer>;
  readonly pointer: Pointer;

  /** Allocates `length` zeroed bytes, rounded up to a multiple of 8. */
  constructor(length: number) {
    this.length = (length + 7) & ~7;
    // Bun moves a small `new Uint8Array(n)` when its buffer is first touched; one made over an
    // ArrayBuffer stays where it is.
    const buffer = new ArrayBuffer(this.length);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.int32 = new Int32Array(buffer);
    this.pointer = backend.address(this.bytes) as Pointer;
  }
}
