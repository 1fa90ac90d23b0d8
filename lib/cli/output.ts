/** The standard streams of the command line. */
import { escapeControls } from "../text/escape.ts";
import { wrap } from "../text/layout.ts";
import { writeAll } from "../sys/output.ts";

/** Writes to stdout: results. False when its reader has gone. */
export const out = (text: string | Uint8Array): boolean => writeAll(1, text);

/** Writes to stderr: everything that is no result. */
export const err = (text: string): boolean => writeAll(2, text);

/** Columns where the terminal's are not known. */
const COLUMNS = 80;

/** How many columns a text on this stream may have: those of its terminal, 80 where there is none. */
export const columnsOf = (stream: "stdout" | "stderr"): number =>
  process[stream].isTTY === true ? process[stream].columns || COLUMNS : COLUMNS;

/** Says something on stderr: a line, which a terminal gets wrapped between words. */
export function say(message: string): void {
  const line = `iomux: ${escapeControls(message.trim().replace(/\s*\n\s*/g, " "))}`;
  const isTerminal = process.stderr.isTTY === true;
  err(`${isTerminal ? wrap(line, columnsOf("stderr")).join("\n") : line}\n`);
}
