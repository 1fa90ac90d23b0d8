/** Which descriptors are terminals, without the runtime's streams: they take a fifth of a short command's start. */
import { fstatSync } from "node:fs";
import { open } from "../ffi.ts";
import { LIBC, system } from "../system.ts";

/** isatty(3); false where no native calls are possible, which then end no process either. */
export function isTerminal(fd: number): boolean {
  if (system === "windows") return process.getBuiltinModule("node:tty").isatty(fd);
  if (!isCharacterDevice(fd)) return false;
  try {
    return open(LIBC, { isatty: { args: ["i32"], result: "i32" } }).isatty(fd) === 1;
  } catch {
    return false;
  }
}

function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false; // it is closed
  }
}
