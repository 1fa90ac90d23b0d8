/** Messages that are sent in turn: the lines of `--messages-from`. */
import { type Expectation, parseExpectation } from "./expectation.ts";
import { parseMessage } from "./message.ts";

/** One of them. */
export interface ScriptLine {
  /** With the escapes and placeholders of `--message`. */
  readonly message: string;
  /** What its reply must be; null for what `--expect` says. */
  readonly expect: Expectation | null;
}

/**
 * Reads a file with a message on each line, and after a tab, where there is one, what its reply must be. Empty
 * lines are left out.
 *
 * @throws RangeError that names the line
 */
export function parseScript(text: string): ScriptLine[] {
  const lines = text.split("\n").flatMap((line, i): ScriptLine[] => {
    const [message = "", expect] = line.replace(/\r$/, "").split("\t");
    if (message === "") return [];
    try {
      parseMessage(message);
      const expectation = expect === undefined ? null : parseExpectation(expect);
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
