/** A line on a terminal that is drawn again and again, and leaves nothing behind. */
import { clearWith, columnsOf, err } from "../output.ts";
import { isIgnored } from "../../sys/process/signals.ts";
import { isTerminal } from "../../sys/stdio/terminal.ts";

const INTERVAL_MS = 100;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE = "\r\x1b[K";
const RESET = "\x1b[0m";

/** Whether stderr is a terminal on which a line can be drawn again. */
export function isLive(): boolean {
  return isTerminal(2) && process.env.TERM !== "dumb";
}

/** Whether colours are wanted on stderr (no-color.org). */
export function isColorful(): boolean {
  return isLive() && (process.env.NO_COLOR ?? "") === "";
}

/**
 * Draws `render()` ten times a second on stderr if that is a terminal, cut off at its width; returns how
 * to end it. The cursor is there again when it has ended, when the process exits without that, when Ctrl-Z
 * stops it, and when SIGQUIT ends it.
 */
export function liveLine(render: () => string): () => void {
  if (!isLive()) return () => {};
  let timer: ReturnType<typeof setInterval> | undefined;
  const hide = () => {
    clearInterval(timer);
    timer = undefined;
    clearWith("");
    err(CLEAR_LINE + SHOW_CURSOR);
  };
  const draw = () => {
    // One column less: some terminals wrap as soon as the last one is taken.
    const columns = columnsOf("stderr") - 1;
    // A terminal that has gone away is not drawn on any more.
    if (!err(CLEAR_LINE + clip(render(), columns))) clearInterval(timer);
  };
  const show = () => {
    err(HIDE_CURSOR);
    clearWith(CLEAR_LINE);
    timer = setInterval(draw, INTERVAL_MS);
  };
  const stop = () => {
    hide();
    raise("SIGTSTP", stop);
    show();
  };
  const quit = () => {
    hide();
    raise("SIGQUIT", quit);
  };
  const end = () => {
    if (timer === undefined) return;
    hide();
    process.off("exit", end);
    process.off("SIGTSTP", stop);
    process.off("SIGQUIT", quit);
  };
  process.on("exit", end);
  if (!isIgnored("SIGTSTP")) process.on("SIGTSTP", stop);
  if (!isIgnored("SIGQUIT")) process.on("SIGQUIT", quit);
  show();
  return end;
}

/** Does what the signal does by itself: a stop lasts until SIGCONT, and then this returns. */
function raise(signal: "SIGTSTP" | "SIGQUIT", listener: () => void): void {
  process.off(signal, listener);
  process.kill(process.pid, signal);
  process.on(signal, listener);
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
