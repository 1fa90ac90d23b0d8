/** Log records go to stderr, as text or as a JSON object a line. */
import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type Logger,
  type LogLevel,
} from "@logtape/logtape";
import { err } from "./output.ts";

/** The levels of `--log-level`, from much to little. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** Configures logging for this process, and returns its logger. */
export function createLogger(level: LogLevel, format: "text" | "json"): Logger {
  const formatter = format === "json"
    ? getJsonLinesFormatter()
    : getTextFormatter({ timestamp: "date-time", level: "full", category: () => "" });
  configureSync({
    reset: true,
    sinks: { stderr: (record) => err(String(formatter(record))) },
    loggers: [
      { category: "iomux", sinks: ["stderr"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
  return getLogger("iomux");
}
