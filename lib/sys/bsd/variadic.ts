/**
 * Calling C functions with `...` after two named arguments, fcntl(2) and ioctl(2), on arm64 macOS.
 *
 * Everywhere else the arguments behind the dots travel like all the others, so that such a function can
 * be declared as if it had a fixed number of them. Apple's ABI for arm64 puts them on the stack, each in
 * 8 bytes, even while registers are free ("Writing ARM64 code for Apple platforms", Apple developer
 * documentation). So the registers that are left, x2 to x7, are filled with zeros, and the ninth
 * argument is the first on the stack.
 */
import type { CType, Pointer } from "../ffi.ts";

/** True where arguments behind the dots are passed on the stack. */
export const variadicOnStack: boolean = process.platform === "darwin" && process.arch === "arm64";

/** int f(int, int, ...) with one more argument, as the ninth. */
interface StackedSignature<C extends CType> {
  readonly args: readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", C];
  readonly result: "i32";
}

/** The declaration of int f(int, int, ...) with one more argument, which goes on the stack. */
export const onStack = <C extends CType>(type: C): StackedSignature<C> => ({
  args: ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", type],
  result: "i32",
});

type Stacked<V> = (
  ...args: [number, number, number, number, number, number, number, number, V]
) => number;

/** What a function declared by `onStack("u64")` looks like to callers: f(a, b, value). */
export const withNumber =
  (call: Stacked<bigint>): (a: number, b: number, value: number) => number =>
  // As 64 bits, so that the whole slot is defined, whatever the callee reads of it.
  (a, b, value) => call(a, b, 0, 0, 0, 0, 0, 0, BigInt(value >>> 0));

/** What a function declared by `onStack("pointer")` looks like to callers: f(a, b, pointer). */
export const withPointer =
  (call: Stacked<Pointer>): (a: number, b: number, value: Pointer) => number => (a, b, value) =>
    call(a, b, 0, 0, 0, 0, 0, 0, value);
