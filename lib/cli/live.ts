/** A line on a terminal that is drawn again and again, and leaves nothing behind. */
import { err } from "./output.ts";

const INTERVAL_MS = 100;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE = "\r\x1b[K";

/** Draws `render()` ten times a second on stderr if that is a terminal; returns how to end it. */
export function liveLine(render: () => string): () => void {
  if (!process.stderr.isTTY) return () => {};
  err(HIDE_CURSOR);
  const timer = setInterval(() => {
    const columns = process.stderr.columns ?? 80;
    err(CLEAR_LINE + render().slice(0, columns - 1));
  }, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    err(CLEAR_LINE + SHOW_CURSOR);
  };
}
