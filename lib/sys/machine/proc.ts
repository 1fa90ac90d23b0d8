/** Numbers that Linux shows as files: proc(5). */
import { readFileSync } from "node:fs";

/** The numbers in a file such as /proc/sys/net/core/somaxconn; none where it can't be read. */
export function readNumbers(path: string): number[] {
  if (process.platform === "win32") return []; // Wine would show those of the system below it
  try {
    return readFileSync(path, "utf8").trim().split(/\s+/).map(Number);
  } catch {
    return [];
  }
}
