/** Files that several commands read, with the same words for what fails. */
import { readFileSync } from "node:fs";
import { reasonOf } from "../text/words.ts";
import { UsageError } from "./exit.ts";

/** The text of a file that was named on the command line; `what` it is. @throws UsageError */
export const readText = (file: string, what: string): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(readBytes(file, what));

/** The same as bytes. @throws UsageError */
export function readBytes(file: string, what: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`Cannot read the ${what} ${file}: ${reasonOf(error)}`);
  }
}
