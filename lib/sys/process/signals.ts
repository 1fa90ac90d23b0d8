/** How the process takes signals: sigaction(2). */
import { Native, NULL, open, type Signature } from "../ffi.ts";
import { LIBC, system } from "../system.ts";

const TABLE = {
  sigaction: { args: ["i32", "pointer", "pointer"], result: "i32" }, // signal, new, old
} as const satisfies Record<string, Signature>;

/** Larger than struct sigaction of any system; its first member is the handler. */
const SIZE = 256;
const SIG_IGN = 1n;

/** Whether the process was started with this signal ignored, as by nohup(1) or `trap '' INT`. */
export function isIgnored(signal: NodeJS.Signals): boolean {
  if (system === "windows") return false;
  const number = process.getBuiltinModule("node:os").constants.signals[signal];
  const before = new Native(SIZE);
  if (open(LIBC, TABLE).sigaction(number, NULL, before.pointer) !== 0) return false;
  return before.view.getBigUint64(0, true) === SIG_IGN;
}
