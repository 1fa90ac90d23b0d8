/** The settings of a run as rows of a table. */
import { formatCount, formatDuration, formatSize } from "../../text/units.ts";
import { cut } from "../../text/escape.ts";
import { plural } from "../../text/words.ts";

const LONGEST = 200;

/**
 * All of them, whichever there are: the name of a setting says what its number means. Certificates and
 * keys are left out.
 */
export function settingRows(config: Record<string, unknown>): [name: string, value: string][] {
  return Object.entries(config).map(([name, value]) => [
    name.replace(/Ms$/, "").replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`),
    describe(name, value),
  ]);
}

function describe(name: string, value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (name === "tls") {
    return `yes, to ${(value as { serverName?: string }).serverName ?? "a server"}`;
  }
  if (name === "parts") return plural((value as readonly unknown[]).length, "run");
  if (name === "seed") return String(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") {
    if (name.endsWith("Ms")) return value === 0 ? "–" : formatDuration(value);
    return name === "size" ? formatSize(value) : formatCount(value);
  }
  const text = typeof value === "string"
    ? value
    : Array.isArray(value)
    ? value.map((item) => typeof item === "string" ? item : JSON.stringify(item)).join(", ") || "–"
    : JSON.stringify(value);
  return cut(text, LONGEST);
}
