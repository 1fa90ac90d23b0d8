/** Log records go to stderr, as text or as a JSON object a line. */
import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type Logger,
} from "@logtape/logtape";
export type { Logger } from "@logtape/logtape";
import type { Level } from "../options/values.ts";
import { err } from "../output.ts";

/** Configures logging for this process, and returns its logger. */
export function createLogger(level: Level, format: "text" | "json"): Logger {
  const formatter = format === "json" ? getJsonLinesFormatter() : getTextFormatter({
    timestamp: "date-time",
    level: "full",
    format: ({ timestamp, level, message }) => `${timestamp} [${level}] ${message}`,
  });
  configureSync({
    reset: true,
    sinks: { stderr: (record) => err(String(formatter(record))) },
    loggers: [
      { category: "iomux", sinks: ["stderr"], lowestLevel: level === "warn" ? "warning" : level },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
  return getLogger("iomux");
}
