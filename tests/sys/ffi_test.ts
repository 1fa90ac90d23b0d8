import { describe, expect, it } from "bun:test";
import { LIBC as SYSTEM_LIBC, system } from "../../lib/sys/system.ts";
import { Native, NULL, open, viewAt } from "../../lib/sys/ffi.ts";
import { runtime } from "../../lib/sys/runtime.ts";
import { decode, encode, thrownBy } from "../support/sockets.ts";

/** Of Windows the C runtime, which has memory and text but no sockets. */
const LIBC = system === "windows"
  ? [`${process.env.SystemRoot}\\System32\\ucrtbase.dll`]
  : SYSTEM_LIBC;
const prefix = system === "windows" ? "_" : "";

describe("runtime", () => {
  it("names the runtime that executes the tests", () => {
    const { bun, deno } = process.versions;
    expect(runtime).toBe(bun ? "bun" : deno ? "deno" : "node");
  });
});

describe("open()", () => {
  it("takes the first library that can be opened", () => {
    const c = open(["no-such-library.so.9", ...LIBC], {
      getpid: { args: [], result: "i32", symbol: `${prefix}getpid` },
    });
    expect(c.getpid()).toBe(process.pid);
  });

  it("names the libraries that it tried when none can be opened", () => {
    const error = thrownBy(() => open(["no-such-library.so.9"], {}));
    expect(error.message).toMatch(/^Cannot load no-such-library\.so\.9: ./);
    expect(error.message.includes("\n")).toBe(false);
  });

  it("takes no relative path, which is below the current folder", () => {
    expect(() => open(["./libc.so.6"], {})).toThrow(/^Cannot load \.\/libc\.so\.6: /);
    expect(() => open([`${"../".repeat(9)}lib/libc.so.6`], {})).toThrow(/^Cannot load /);
  });

  it("throws at once when a symbol is missing", () => {
    const table = { no_such_function: { args: [], result: "i32" } } as const;
    expect(() => open(LIBC, table)).toThrow(/^Cannot load /);
  });

  it("binds one symbol under several keys", () => {
    const c = open(LIBC, {
      length: { args: ["buffer"], result: "size", symbol: "strlen" },
      lengthAt: { args: ["pointer"], result: "size", symbol: "strlen" },
    });
    const text = new Native(16);
    text.bytes.set(encode("hello"));
    expect(c.length(text.bytes)).toBe(5);
    expect(c.lengthAt(text.pointer)).toBe(5);
  });

  it("passes the part of a buffer that a subarray shows", () => {
    const c = open(LIBC, { strlen: { args: ["buffer"], result: "size" } });
    expect(c.strlen(encode("hello\0").subarray(2))).toBe(3);
  });

  it("passes null, 64-bit numbers, and negative 32-bit ones", () => {
    const c = open(LIBC, {
      time: { args: ["buffer"], result: "u64", symbol: system === "windows" ? "_time64" : "time" },
      labs: { args: ["u64"], result: "u64", symbol: "llabs" },
      abs: { args: ["i32"], result: "i32" },
    });
    expect(Math.abs(Number(c.time(null)) - Date.now() / 1000)).toBeLessThan(5);
    expect(c.labs(2n ** 40n)).toBe(2n ** 40n);
    expect(c.abs(-5)).toBe(5);
  });

  it("returns ssize_t -1 as -1", () => {
    const c = open(SYSTEM_LIBC, {
      recv: { args: ["i32", "pointer", "size", "i32"], result: "size" },
    });
    expect(c.recv(-1, NULL, 0, 0)).toBe(-1);
  });
});

describe("viewAt()", () => {
  it("shows native memory without a copy", () => {
    const c = open(LIBC, {
      malloc: { args: ["size"], result: "pointer" },
      free: { args: ["pointer"], result: "void" },
      memset: { args: ["pointer", "i32", "size"], result: "pointer" },
    });
    const address = c.malloc(8);
    const bytes = new Uint8Array(viewAt(address, 8));
    c.memset(address, 7, 8);
    expect([...bytes]).toEqual([7, 7, 7, 7, 7, 7, 7, 7]);
    c.memset(address, 9, 4);
    expect([...bytes]).toEqual([9, 9, 9, 9, 7, 7, 7, 7]);
    c.free(address);
  });
});

describe("Native", () => {
  const c = open(LIBC, {
    memcpy: { args: ["pointer", "buffer", "size"], result: "pointer" },
  });

  it("rounds up to 8 bytes and starts zeroed", () => {
    const memory = new Native(12);
    expect(memory.length).toBe(16);
    expect([...memory.bytes].every((byte) => byte === 0)).toBe(true);
  });

  it("shows one memory through bytes, view, int32 and its address", () => {
    const memory = new Native(8);
    memory.view.setInt32(4, -2, true);
    expect(memory.int32[1]).toBe(-2);
    c.memcpy(memory.pointer, encode("abc"), 3);
    expect(decode(memory.bytes.subarray(0, 3))).toBe("abc");
  });

  it("does not move while garbage is collected around it", () => {
    const memories = Array.from({ length: 200 }, () => new Native(8));
    let garbage: unknown[] = [];
    for (let i = 0; i < 200_000; i++) {
      garbage.push({ i });
      if (garbage.length > 10_000) garbage = [];
    }
    memories.forEach((memory, i) => {
      c.memcpy(memory.pointer, Uint8Array.of(i), 1);
      expect(memory.bytes[0]).toBe(i);
    });
  });
});
