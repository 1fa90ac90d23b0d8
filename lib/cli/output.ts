/** The standard streams of the command line. */
import { writeAll } from "../sys/output.ts";

/** Writes to stdout: results. */
export const out = (text: string): void => writeAll(1, text);

/** Writes to stderr: everything that is no result. */
export const err = (text: string): void => writeAll(2, text);
