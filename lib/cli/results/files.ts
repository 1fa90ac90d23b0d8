/** Files that results are written to: known to be writable before the run, and all written after it. */
import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { resolve } from "node:path";
import { writeAll } from "../../sys/stdio/output.ts";
import { UsageError } from "../exit.ts";
import { reasonOf } from "../../sys/reason.ts";
import type { Output } from "../options/outputs.ts";

/**
 * Pipes and devices among the files, open since `checkWritable`: to open a pipe later would wait for a reader,
 * and its reader has gone once it was closed.
 */
const held = new Map<string, number>();
/** How long the reader of a pipe may take nothing of a result. */
const PATIENCE_MS = 5000;

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
  let existing: Stats | undefined;
  try {
    existing = statSync(path, { throwIfNoEntry: false });
    if (existing && !existing.isFile() && !existing.isDirectory()) {
      return void held.set(path, openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    }
    closeSync(openSync(path, "a"));
  } catch (error) {
    const isUnread = existing?.isFIFO() && (error as { code?: string }).code === "ENXIO";
    throw new Error(
      cannotWrite(path, error) + (isUnread ? "; it is a pipe without a reader" : ""),
    );
  }
  if (!existing) unlinkSync(realpathSync(path)); // of a link without its file the link stays
}

const cannotWrite = (path: string, error: unknown): string =>
  `Cannot write the result to ${path}: ${reasonOf(error)}`;

/**
 * Writes all files, those after one that fails as well, and returns what went wrong. Of a new file that did not
 * fit nothing stays, and one that was there is as it was.
 */
export function writeFiles(files: readonly { path: string; text: string }[]): string[] {
  return files.flatMap(({ path, text }) => {
    try {
      const fd = held.get(path);
      if (fd === undefined) writeWhole(path, text);
      else if (!writeAll(fd, text, PATIENCE_MS)) throw new Error("its reader has gone");
      return [];
    } catch (error) {
      return [cannotWrite(path, error)];
    }
  });
}

/**
 * Writes over what is there, and puts it back when that fails: the place that it has on the disk is kept until
 * the end. Another file in its stead would not be the one that others have linked, mounted or opened.
 */
function writeWhole(path: string, text: string): void {
  const bytes = new TextEncoder().encode(text);
  const before = beginningOf(path, bytes.length);
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o666);
  try {
    writeAll(fd, bytes);
    ftruncateSync(fd, bytes.length);
  } catch (error) {
    if (before) putBack(fd, before);
    else unlinkSync(realpathSync(path)); // half a result looks like a whole one
    throw error;
  } finally {
    closeSync(fd);
  }
}

interface Beginning {
  readonly bytes: Uint8Array;
  /** Of the whole file. */
  readonly size: number;
}

/** The first bytes of a file, which are about to be overwritten; undefined when there is none. */
function beginningOf(path: string, length: number): Beginning | undefined {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return undefined;
  const bytes = new Uint8Array(Math.min(size, length));
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return { bytes: bytes.subarray(0, 0), size: 0 }; // may be written and not read: it can't be kept
  }
  try {
    return { bytes: bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)), size };
  } finally {
    closeSync(fd);
  }
}

function putBack(fd: number, { bytes, size }: Beginning): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, at);
  ftruncateSync(fd, size);
}
