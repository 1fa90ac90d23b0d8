// What macOS and FreeBSD have of their own, as far as it can be tested without them: struct layouts
// byte by byte against their headers (docs/kqueue.md), and arguments on the stack.
import { describe, expect, it } from "bun:test";
import { packAddress, SOCKADDR_SIZE, unpackAddress } from "../../lib/sys/socket/sockaddr.ts";
import { openFileAttempts } from "../../lib/sys/bsd/darwin.ts";
import { Native, open, type Pointer } from "../../lib/sys/ffi.ts";
import {
  EV_ADD,
  EV_CLEAR,
  EV_EOF,
  EV_ERROR,
  EV_RECEIPT,
  EVFILT_EXCEPT,
  EVFILT_READ,
  EVFILT_WRITE,
  KEVENT_FIELDS,
  KEVENT_SIZES,
  KeventList,
  NOTE_OOB,
} from "../../lib/sys/bsd/kevent.ts";
import { receiptError } from "../../lib/sys/bsd/kqueue.ts";
import { LIBC } from "../../lib/sys/system.ts";
import { onStack, withNumber, withPointer } from "../../lib/sys/bsd/variadic.ts";
import { decode, encode } from "../support/sockets.ts";

/**
 * The declarations, as name, size and signedness of each field; C aligns each to its own size. Both
 * systems use types that are as large on x64 as on arm64 (LP64).
 */
const DECLARED = {
  // struct kevent of bsd/sys/event.h; `#pragma pack(4)` moves nothing, as nothing would be padded.
  darwin: [
    ["uintptr_t ident", 8],
    ["int16_t filter", 2],
    ["uint16_t flags", 2],
    ["uint32_t fflags", 4],
    ["intptr_t data", 8],
    ["void *udata", 8],
  ],
  // struct kevent of sys/sys/event.h since FreeBSD 12
  freebsd: [
    ["__uintptr_t ident", 8],
    ["short filter", 2],
    ["unsigned short flags", 2],
    ["unsigned int fflags", 4],
    ["__int64_t data", 8],
    ["void *udata", 8],
    ["__uint64_t ext[0]", 8],
    ["__uint64_t ext[1]", 8],
    ["__uint64_t ext[2]", 8],
    ["__uint64_t ext[3]", 8],
  ],
} as const;

describe("struct kevent", () => {
  for (const system of ["darwin", "freebsd"] as const) {
    it(`has the offsets and the size that C gives it on ${system}`, () => {
      const offsets: Record<string, number> = {};
      let at = 0;
      for (const [declaration, size] of DECLARED[system]) {
        at = Math.ceil(at / size) * size;
        offsets[/(\w+)(\[\d\])?$/.exec(declaration)![1]!] ??= at;
        at += size;
      }
      const { ext: _, ...fields } = offsets;
      expect({ size: at, ...fields }).toEqual({ size: KEVENT_SIZES[system], ...KEVENT_FIELDS });
    });

    it(`is written and read at every index of a list on ${system}`, () => {
      const size = KEVENT_SIZES[system];
      const list = new KeventList(3, size);
      expect(list.view.byteLength).toBe(3 * size);
      new Uint8Array(list.view.buffer).fill(0xff);
      list.put(1, 70_000, EVFILT_WRITE, EV_ADD | EV_CLEAR | EV_RECEIPT, -5);
      const at = size;
      expect(list.view.getBigUint64(at, true)).toBe(70_000n);
      expect(list.view.getInt16(at + 8, true)).toBe(-2);
      expect(list.view.getUint16(at + 10, true)).toBe(0x61);
      expect(list.view.getUint32(at + 12, true)).toBe(0);
      expect(list.view.getBigInt64(at + 16, true)).toBe(0n);
      expect(list.view.getInt32(at + 24, true)).toBe(-5);
      for (let i = at + 28; i < at + size; i++) expect(list.view.getUint8(i)).toBe(0); // ext, too
      expect([list.view.getUint8(at - 1), list.view.getUint8(at + size)]).toEqual([0xff, 0xff]);

      list.view.setUint16(at + 10, EV_ADD | EV_EOF, true);
      list.view.setInt16(at + 8, EVFILT_READ, true);
      list.view.setBigInt64(at + 16, 32n, true);
      expect([list.fd(1), list.filter(1), list.flags(1)]).toEqual([70_000, -1, EV_ADD | EV_EOF]);
      expect([list.data(1), list.generation(1), list.fflags(1)]).toEqual([32, -5, 0]);
    });
  }

  it("put() takes filter flags", () => {
    const list = new KeventList(1, KEVENT_SIZES.darwin);
    list.put(0, 3, EVFILT_EXCEPT, EV_ADD, 1, NOTE_OOB);
    expect([list.filter(0), list.fflags(0)]).toEqual([-15, 2]);
  });

  it("receiptError(): the error of a receipt, and none for one without EV_ERROR", () => {
    const list = new KeventList(1, KEVENT_SIZES.freebsd);
    const told = (flags: number, data: bigint) => {
      list.view.setUint16(10, flags, true);
      list.view.setBigInt64(16, data, true);
      return receiptError(list, 0);
    };
    expect([told(EV_ERROR, 0n), told(EV_ERROR, 2n), told(0, 2n)]).toEqual([0, 2, 0]);
  });
});

describe("sockaddr of BSDs", () => {
  const form = { lengthByte: true, inet6: 30, pathMax: 103, abstract: false };
  const view = new DataView(new ArrayBuffer(SOCKADDR_SIZE));
  const bytes = (length: number) => [...new Uint8Array(view.buffer, 0, length)];

  it("sockaddr_in: sin_len, sin_family, sin_port, sin_addr", () => {
    expect(packAddress(view, { host: "127.0.0.1", port: 80 }, form)).toBe(16);
    expect(bytes(9)).toEqual([16, 2, 0, 80, 127, 0, 0, 1, 0]);
    expect(unpackAddress(view, 16, form)).toEqual({ family: "ipv4", host: "127.0.0.1", port: 80 });
  });

  it("sockaddr_in6: sin6_len, sin6_family, sin6_port, sin6_flowinfo, sin6_addr, sin6_scope_id", () => {
    expect(packAddress(view, { host: "fe80::1%7", port: 258 }, form)).toBe(28);
    expect(bytes(10)).toEqual([28, 30, 1, 2, 0, 0, 0, 0, 0xfe, 0x80]);
    expect(view.getUint32(24, true)).toBe(7);
    expect(unpackAddress(view, 28, form)).toEqual({ family: "ipv6", host: "fe80::1%7", port: 258 });
    view.setUint8(1, 28); // AF_INET6 of FreeBSD
    expect(unpackAddress(view, 28, { ...form, inet6: 28 }).family).toBe("ipv6");
  });

  it("sockaddr_un: sun_len, sun_family, and 104 bytes of sun_path", () => {
    const longest = "p".repeat(103);
    expect(packAddress(view, longest, form)).toBe(106);
    expect(bytes(3)).toEqual([106, 1, 112]);
    expect(unpackAddress(view, 106, form)).toEqual({ family: "unix", path: longest });
    expect(() => packAddress(view, `${longest}p`, form)).toThrow(/1 to 103 bytes are allowed/);
    // A socket without a name: macOS returns 16 bytes, with nothing in the path.
    packAddress(view, { host: "0.0.0.0", port: 0 }, form);
    view.setUint8(1, 1);
    expect(unpackAddress(view, 16, form)).toEqual({ family: "unix", path: "" });
  });
});

describe("arguments on the stack", () => {
  // snprintf(3) takes its arguments behind the format as fcntl does behind the command; on x64 and on
  // arm64 Linux, too, the ninth argument is on the stack.
  const format = (last: "u64" | "pointer") =>
    open(LIBC, {
      snprintf: {
        args: ["buffer", "size", "buffer", "i32", "i32", "i32", "i32", "i32", last],
        result: "i32",
      },
    }).snprintf;

  it("a number arrives as the ninth", () => {
    const out = new Native(64);
    const snprintf = format("u64");
    const call = withNumber((_a, _b, c, d, e, f, g, _h, value) =>
      snprintf(out.bytes, 64, encode("%d %d %d %d %d %lld\0"), c, d, e, f, g, value)
    );
    for (const value of [0, 1, 0x800, 0x7fffffff]) {
      const length = call(5, 4, value);
      expect(decode(out.bytes.subarray(0, length))).toBe(`0 0 0 0 0 ${value}`);
    }
    // A negative int arrives with the bits that it has as an int.
    expect(decode(out.bytes.subarray(0, call(5, 4, -1)))).toBe("0 0 0 0 0 4294967295");
  });

  it("a pointer arrives as the ninth", () => {
    const out = new Native(64);
    const text = new Native(16);
    text.bytes.set(encode("on the stack\0"));
    const snprintf = format("pointer");
    const call = withPointer((_a, _b, c, d, e, f, g, _h, value: Pointer) =>
      snprintf(out.bytes, 64, encode("%d %d %d %d %d %s\0"), c, d, e, f, g, value)
    );
    expect(decode(out.bytes.subarray(0, call(0, 0, text.pointer)))).toBe("0 0 0 0 0 on the stack");
  });

  it("the declaration has nine parameters, of which the last is the ninth", () => {
    expect(onStack("u64").args.length).toBe(9);
    expect(onStack("pointer").args[8]).toBe("pointer");
  });
});

describe("openFileAttempts()", () => {
  const infinity = 2n ** 63n - 1n;
  it("is what the kernel opens, then OPEN_MAX; never more than the hard limit", () => {
    expect(openFileAttempts(infinity, 61_440)).toEqual([61_440n, 10_240n]);
    expect(openFileAttempts(20_000n, 61_440)).toEqual([20_000n, 10_240n]);
    expect(openFileAttempts(256n, 61_440)).toEqual([256n, 256n]);
  });
});
