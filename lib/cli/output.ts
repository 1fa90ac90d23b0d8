/** The standard streams of the command line. */
import { writeAll } from "../sys/output.ts";

/** Writes to stdout: results. False when its reader has gone. */
export const out = (text: string): boolean => writeAll(1, text);

/** Columns of the terminal that results go to; 80 where there is none. */
export const outColumns = (): number => process.stdout.columns || 80;

/** Writes to stderr: everything that is no result. */
export const err = (text: string): boolean => writeAll(2, text);
