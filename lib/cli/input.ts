/** Files that several commands read, with the same words for what fails. */
import { readFileSync } from "node:fs";
import { UsageError } from "./exit.ts";
import { reasonOf } from "./output.ts";

/** The text of a file that was named on the command line; `what` it is. @throws UsageError */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`Cannot read the ${what} ${file}: ${reasonOf(error)}`);
  }
}
