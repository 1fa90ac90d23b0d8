/** Files that a report is written to: known to be writable before the run, and all written after it. */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../exit.ts";

/** A report, by the option that asks for it. */
export interface ReportFile {
  readonly option: string;
  readonly path: string;
}

/** Fails when one of the files can't be written. What is there stays as it is. @throws Error */
export function checkFiles(files: readonly ReportFile[]): void {
  const seen = new Map<string, string>();
  for (const { option, path } of files) {
    if (path === "" || path === "-") {
      throw new UsageError(`option '${option}' takes the name of a file; only --json prints`);
    }
    const other = seen.get(resolve(path));
    if (other !== undefined) {
      throw new UsageError(`options '${other}' and '${option}' would both write ${path}`);
    }
    seen.set(resolve(path), option);
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
    throw cannotWrite(path, error);
  }
  if (!existing) unlinkSync(path);
}

const cannotWrite = (path: string, error: unknown) =>
  new Error(`Cannot write the result to ${path}: ${(error as { code: string }).code}`);

/** Writes all files, those after one that fails as well. @throws Error of the first that failed */
export function writeFiles(files: readonly { path: string; text: string }[]): void {
  let failure: Error | undefined;
  for (const { path, text } of files) {
    try {
      writeFileSync(path, text);
    } catch (error) {
      failure ??= cannotWrite(path, error);
    }
  }
  if (failure) throw failure;
}
