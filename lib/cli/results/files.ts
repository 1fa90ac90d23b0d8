/** Files that results are written to: known to be writable before the run, and all written after it. */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  realpathSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../exit.ts";
import { reasonOf } from "../output.ts";
import type { Output } from "../options/outputs.ts";

/** Fails when one of the files can't be written. What is there stays as it is. @throws Error */
export function checkWritable(output: readonly Output[]): void {
  const seen = new Set<string>();
  for (const { path } of output) {
    if (seen.has(resolve(path))) throw new UsageError(`option '-o' is given twice for ${path}`);
    seen.add(resolve(path));
    tryToWrite(path);
  }
}

function tryToWrite(path: string): void {
  const existing = statSync(path, { throwIfNoEntry: false });
  try {
    // To open a pipe would wait for its reader.
    if (existing && !existing.isFile() && !existing.isDirectory()) {
      return accessSync(path, constants.W_OK);
    }
    closeSync(openSync(path, "a"));
  } catch (error) {
    throw new Error(cannotWrite(path, error));
  }
  if (!existing) unlinkSync(realpathSync(path)); // of a link without its file the link stays
}

/** Why something could not be written. */
export const cannotWrite = (path: string, error: unknown): string =>
  `Cannot write the result to ${path}: ${reasonOf(error)}`;

/** Writes all files, those after one that fails as well, and returns what went wrong. */
export function writeFiles(files: readonly { path: string; text: string }[]): string[] {
  return files.flatMap(({ path, text }) => {
    try {
      writeFileSync(path, text);
      return [];
    } catch (error) {
      return [cannotWrite(path, error)];
    }
  });
}
