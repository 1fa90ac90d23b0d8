/** Log records, as text or as a JSON object a line. */
import { escapeControls, jsonLine } from "../../text/escape.ts";
import { type Level, LOG_LEVELS } from "../options/values.ts";

/** Writes a record of a level, if that level is asked for. The message is written as it is. */
export type Logger = Readonly<Record<Level, (message: string) => void>>;

/** A record as a line: what is foreign in the message can neither end it nor act on a terminal. */
export function formatRecord(level: Level, message: string, format: "text" | "json"): string {
  const now = new Date().toISOString();
  if (format === "json") return `${jsonRecord(now, level.toUpperCase(), message)}\n`;
  const time = now.replace("T", " ").slice(0, -1);
  return `${time} [${level}] ${escapeControls(message)}\n`;
}

const jsonRecord = (now: string, level: string, message: string) =>
  jsonLine({ "@timestamp": now, level, message, logger: "iomux", properties: {} });

/** What a loop tells with `--trace`: lines with a time in front, which people need no date to. */
export const formatTrace = (lines: string, format: "text" | "json"): string =>
  lines.replace(
    /^(\S+T(\S+)Z) (.*)$/gm,
    (_, now: string, time: string, message: string) =>
      format === "text" ? `${time} ${message}` : jsonRecord(now, "TRACE", message),
  );

/** A logger that gives the lines of a level, and of those above it, to `write`. */
export function createLogger(
  least: Level,
  format: "text" | "json",
  write: (line: string) => void,
): Logger {
  const of = (level: Level) => (message: string) => {
    if (LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least)) {
      write(formatRecord(level, message, format));
    }
  };
  return { debug: of("debug"), info: of("info"), warn: of("warn"), error: of("error") };
}
