/** Messages that are sent in turn: the lines of `--messages-from`. */
import { type Expectation, type Frame, parseExpectation } from "./expectation.ts";
import { messageOfBytes, parseMessage, textOfBytes } from "./message.ts";

export interface ScriptLine {
  /** As the text of `--message`. */
  readonly message: string;
  /** What its reply must be; null for what `--expect` says. */
  readonly expect: Expectation | null;
}

/**
 * Reads a file with a message on each line, and after a tab, where there is one, what its reply must be. Empty
 * lines are left out. A message is its bytes as they are; with `escapes` it is read as `--message` is. Where an
 * expression judges, `frame` is where the reply ends.
 *
 * @throws RangeError that names the line
 */
export function parseScript(file: Uint8Array, escapes: boolean, frame?: Frame): ScriptLine[] {
  const lines = linesOf(file).flatMap((line, i): ScriptLine[] => {
    const tab = line.indexOf(TAB);
    const bytes = tab === -1 ? line : line.subarray(0, tab);
    if (bytes.length === 0) return [];
    try {
      const message = escapes ? textOfBytes(bytes) : messageOfBytes(bytes);
      parseMessage(message);
      const expectation = tab === -1
        ? null
        : parseExpectation(textOfBytes(line.subarray(tab + 1)), frame);
      if (expectation?.kind === "none") {
        throw new RangeError("a single message can't be without a reply; give --expect none");
      }
      return [{ message, expect: expectation }];
    } catch (error) {
      throw new RangeError(`line ${i + 1}: ${(error as Error).message}`);
    }
  });
  if (lines.length === 0) throw new RangeError("there is no message in it");
  return lines;
}

const TAB = 9, LF = 10, CR = 13;

/** Without what ends them, a line feed or CRLF. */
function linesOf(file: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0, end: number; from <= file.length; from = end + 1) {
    const next = file.indexOf(LF, from);
    end = next === -1 ? file.length : next;
    lines.push(file.subarray(from, file[end - 1] === CR && end > from ? end - 1 : end));
  }
  return lines;
}
