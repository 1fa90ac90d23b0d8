/** Log records, as text or as a JSON object a line. */
import { escapeControls, jsonLine } from "../../text/escape.ts";
import { type Level, LOG_LEVELS } from "../options/values.ts";

/** Writes a record of a level, if that level is asked for. The message is written as it is. */
export type Logger = Readonly<Record<Level, (message: string) => void>>;

/** The levels from much to little. */
const ORDER: readonly Level[] = LOG_LEVELS;

/** A record as a line: what is foreign in the message can neither end it nor act on a terminal. */
export function formatRecord(level: Level, message: string, format: "text" | "json"): string {
  const now = new Date().toISOString();
  if (format === "text") {
    const time = now.replace("T", " ").slice(0, -1);
    return `${time} [${level}] ${escapeControls(message)}\n`;
  }
  const record = { level: level.toUpperCase(), message, logger: "iomux", properties: {} };
  return jsonLine({ "@timestamp": now, ...record }) + "\n";
}

/** What a loop tells with `--trace`: lines with a time in front, which people need no date to. */
export function formatTrace(lines: string, format: "text" | "json"): string {
  return lines.replace(/^(\S+T(\S+)Z) (.*)$/gm, (_, now: string, time: string, message: string) => {
    if (format === "text") return `${time} ${message}`;
    const record = { level: "TRACE", message, logger: "iomux", properties: {} };
    return jsonLine({ "@timestamp": now, ...record });
  });
}

/** A logger that gives the lines of a level, and of those above it, to `write`. */
export function createLogger(
  least: Level,
  format: "text" | "json",
  write: (line: string) => void,
): Logger {
  const of = (level: Level) => (message: string) => {
    if (ORDER.indexOf(level) >= ORDER.indexOf(least)) write(formatRecord(level, message, format));
  };
  return { debug: of("debug"), info: of("info"), warn: of("warn"), error: of("error") };
}
