/** The standard streams of the command line. */
import { escapeControls } from "../text/escape.ts";
import { paragraph } from "../text/layout.ts";
import { reasonOf } from "../sys/reason.ts";
import { writeAll, writeMessage } from "../sys/stdio/output.ts";
import { isTerminal } from "../sys/stdio/terminal.ts";
import { EXIT } from "./exit.ts";

/** Ways to write to the standard streams that hold up no thread while they have no reader. */
export interface Streams {
  /** False when the reader has gone. @throws Error with a code, such as ENOSPC */
  out(text: string): Promise<boolean>;
  err(text: string): void;
}

let streams: Streams | undefined;

/** From now on the streams are written so; undefined: at once, however long stdout takes. */
export const useStreams = (them: Streams | undefined): void => void (streams = them);

/** Writes to stderr: everything that is no result. False when that can't be done: there is no place to say it. */
export function err(text: string | Uint8Array): boolean {
  try {
    if (streams && typeof text === "string") {
      streams.err(text);
      return true;
    }
    return writeMessage(2, text);
  } catch {
    return false; // a full disk, a terminal that went away
  }
}

/** Prints a result, and returns the exit code that this makes: 0, 1 or 141. */
export async function print(text: string): Promise<number> {
  try {
    return (streams ? await streams.out(text) : writeAll(1, text)) ? EXIT.ok : EXIT.brokenPipe;
  } catch (error) {
    say(`Cannot write to stdout: ${reasonOf(error)}`);
    return EXIT.failed;
  }
}

const NUMBERS = { stdout: 1, stderr: 2 };
/** Columns where the terminal's are not known. */
const COLUMNS = 80;

/** How many columns a text on this stream may have: those of its terminal, 80 where there is none. */
export const columnsOf = (stream: "stdout" | "stderr"): number =>
  isTerminal(NUMBERS[stream]) ? process[stream].columns || COLUMNS : COLUMNS;

/** A message as a line of stderr, which a terminal gets wrapped between words. */
export function lineOf(message: string): string {
  const line = `iomux: ${escapeControls(message.trim().replace(/\s*\n\s*/g, " "))}`;
  return isTerminal(2) ? paragraph(line, columnsOf("stderr")) : `${line}\n`;
}

/** What takes away a line that is being drawn on the terminal: a message stands in its place. */
let clearing = "";
export const clearWith = (escapes: string): void => void (clearing = escapes);

export const say = (message: string): void => void err(clearing + lineOf(message));
