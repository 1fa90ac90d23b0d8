/** Files that several commands read, with the same words for what fails. */
import { readFileSync } from "node:fs";
import { reasonOf } from "../sys/reason.ts";
import { UsageError } from "./exit.ts";

/** The text of a file that was named on the command line; `what` it is. @throws UsageError */
export function readText(file: string, what: string): string {
  const bytes = readBytes(file, what);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageError(`Cannot read the ${what} ${file}: it is no UTF-8`);
  }
}

/** The same as bytes. @throws UsageError */
export function readBytes(file: string, what: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`Cannot read the ${what} ${file}: ${reasonOf(error)}`);
  }
}
