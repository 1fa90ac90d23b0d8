// A kernel that lacks or forbids a system call, for this thread and those that it starts: seccomp(2).
import { addressOf, Native, NULL, open } from "../../lib/sys/ffi.ts";

const [SET_NO_NEW_PRIVS, SET_SECCOMP, FILTER] = [38, 22, 2];

/** The call fails with this error from now on; false when seccomp is itself forbidden here. */
export function forbid(number: number, error: number): boolean {
  const c = open(["libc.so.6", "libc.so"], {
    prctl: { args: ["i32", "size", "pointer", "size", "size"], result: "i32" },
  });
  // struct sock_filter { u16 code; u8 if_true; u8 if_false; u32 k; }: load the number; is it this one?
  const filter = new Native(32);
  const instructions = [
    [0x20, 0, 0, 0],
    [0x15, 0, 1, number],
    [0x06, 0, 0, 0x00050000 | error], // SECCOMP_RET_ERRNO
    [0x06, 0, 0, 0x7fff0000], // SECCOMP_RET_ALLOW
  ] as const;
  for (const [i, [code, yes, no, k]] of instructions.entries()) {
    filter.view.setUint16(i * 8, code, true);
    filter.view.setUint8(i * 8 + 2, yes);
    filter.view.setUint8(i * 8 + 3, no);
    filter.view.setUint32(i * 8 + 4, k, true);
  }
  const program = new Native(16); // struct sock_fprog
  program.view.setUint16(0, instructions.length, true);
  program.view.setBigUint64(8, BigInt(addressOf(filter.pointer)), true);
  c.prctl(SET_NO_NEW_PRIVS, 1, NULL, 0, 0);
  return c.prctl(SET_SECCOMP, FILTER, program.pointer, 0, 0) === 0;
}
