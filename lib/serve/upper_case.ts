/**
 * ASCII letters to upper case, 16 bytes at a time: by a WebAssembly function, as JavaScript has no vectors.
 *
 * WebAssembly Core Specification 3.0, 5 (binary format), with 128-bit vectors.
 */

/** Fewer bytes than this are not worth a copy into the function's memory. */
const WORTH_COPY = 256;
/** One page of memory. */
const PAGE = 65_536;

const get = (local: number) => [0x20, local];
const splat = (...byte: number[]) => [0x41, ...byte, 0xfd, 0x0f]; // i32.const, i8x16.splat

// (func (param $end i32) (local $at i32) (local $v v128)): a do-while over the memory from 0 to $end
const [END, AT, V] = [0, 1, 2];
const BODY = [
  ...[2, 1, 0x7f, 1, 0x7b], // locals: one i32, one v128
  ...[0x03, 0x40], // loop
  ...[...get(AT), ...get(AT), 0xfd, 0x00, 4, 0, 0x22, V], // v128.load, local.tee
  ...[...get(V), ...splat(0xe1, 0x00), 0xfd, 0x71], // i8x16.sub "a"
  ...[...splat(26), 0xfd, 0x26], // i8x16.lt_u: all bits of a letter's byte
  ...[...splat(0x20), 0xfd, 0x4e, 0xfd, 0x51], // v128.and, v128.xor
  ...[0xfd, 0x0b, 4, 0], // v128.store
  ...[...get(AT), 0x41, 16, 0x6a, 0x22, AT, ...get(END), 0x48], // i32.add, local.tee, i32.lt_s
  ...[0x0d, 0, 0x0b, 0x0b], // br_if, end, end
];
const MODULE = [
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic, version
  ...[1, 5, 1, 0x60, 1, 0x7f, 0], // types: (i32)
  ...[3, 2, 1, 0], // functions: one of that type
  ...[5, 3, 1, 0, 1], // memory: a page
  ...[7, 9, 2, 1, 0x6d, 2, 0, 1, 0x75, 0, 0], // exports: "m" is the memory, "u" the function
  ...[10, BODY.length + 2, 1, BODY.length, ...BODY], // code
];

interface Vectors {
  readonly memory: Uint8Array;
  readonly upper: (end: number) => void;
}

let vectors: Vectors | null | undefined;

/** Compiled when it is first needed; null where processor or runtime has no vectors. */
function load(): Vectors | null {
  const code = new Uint8Array(new ArrayBuffer(MODULE.length));
  code.set(MODULE);
  if (!WebAssembly.validate(code)) return null;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  const memory = new Uint8Array((exports.m as WebAssembly.Memory).buffer);
  return { memory, upper: exports.u as Vectors["upper"] };
}

/** One by one, in place. */
function upperBytes(bytes: Uint8Array): Uint8Array {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x61 && byte <= 0x7a) bytes[i] = byte - 0x20;
  }
  return bytes;
}

/** The bytes with ASCII letters in upper case: changed in place, or lying elsewhere until the next call. */
export function upperCase(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length < WORTH_COPY || length > PAGE) return upperBytes(bytes);
  if (vectors === undefined) vectors = load();
  if (!vectors) return upperBytes(bytes);
  vectors.memory.set(bytes);
  vectors.upper(length); // up to 15 bytes more, which do not matter
  return vectors.memory.subarray(0, length);
}
