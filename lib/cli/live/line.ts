/** A line on a terminal that is drawn again and again, and leaves nothing behind. */
import { err } from "../output.ts";

const INTERVAL_MS = 100;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE = "\r\x1b[K";
const RESET = "\x1b[0m";
const FALLBACK_COLUMNS = 80;

/** Whether stderr is a terminal on which a line can be drawn again. */
export function isLive(): boolean {
  return process.stderr.isTTY === true && process.env.TERM !== "dumb";
}

/** Whether colours are wanted on stderr (no-color.org). */
export function isColorful(): boolean {
  return isLive() && (process.env.NO_COLOR ?? "") === "";
}

/**
 * Draws `render()` ten times a second on stderr if that is a terminal, cut off at its width; returns how
 * to end it. The cursor is there again when it has ended, and when the process exits without that.
 */
export function liveLine(render: (columns: number) => string): () => void {
  if (!isLive()) return () => {};
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    process.off("exit", end);
    err(CLEAR_LINE + SHOW_CURSOR);
  };
  err(HIDE_CURSOR);
  process.on("exit", end);
  const timer = setInterval(() => {
    // One column less: some terminals wrap as soon as the last one is taken.
    const columns = (process.stderr.columns || FALLBACK_COLUMNS) - 1;
    err(CLEAR_LINE + clip(render(columns), columns));
  }, INTERVAL_MS);
  return end;
}

/** What fits into so many columns. Colours take none, and end where the text does. */
export function clip(text: string, columns: number): string {
  let [shown, colored] = [0, false];
  // deno-lint-ignore no-control-regex -- the escapes of colours
  for (const match of text.matchAll(/\x1b\[[\d;]*m|./gsu)) {
    if (match[0].length > 1 && match[0].startsWith("\x1b")) {
      colored = true;
      continue;
    }
    if (++shown > columns) return text.slice(0, match.index) + (colored ? RESET : "");
  }
  return text;
}
