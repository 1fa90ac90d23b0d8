/** Text for terminals: lines that are wrapped between words, rows of a name and a text, tables. */

/** How many columns a text takes: escapes of colours take none, wide characters two. */
export function widthOf(text: string): number {
  let width = 0;
  // deno-lint-ignore no-control-regex -- the escapes of colours
  for (const char of text.replace(/\x1b\[[\d;]*m/g, "")) {
    const code = char.codePointAt(0)!;
    if (code < 0x300) width++;
    else if (!/\p{Mark}|\u200b|\u200d/u.test(char)) width += isWide(code) ? 2 : 1;
  }
  return width;
}

/** East Asian wide characters and emoji, by blocks (Unicode's EastAsianWidth.txt). */
const isWide = (code: number): boolean =>
  (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
  (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
  (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
  (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
  (code >= 0x20000 && code <= 0x3fffd);

/** Lines of at most `width` columns, wrapped between words; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines: string[] = [];
    let line = "";
    for (const word of paragraph.split(/ +/)) {
      if (line === "") line = word;
      else if (widthOf(line) + 1 + widthOf(word) <= width) line += ` ${word}`;
      else {
        lines.push(line);
        line = word;
      }
    }
    return [...lines, line];
  });
}

/** The text, filled up with spaces to so many columns. */
export const pad = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - widthOf(text)));

/** The text with spaces in front of it. */
export const padStart = (text: string, width: number): string =>
  " ".repeat(Math.max(0, width - widthOf(text))) + text;

/** What rows are like. */
export interface RowStyle {
  /** Columns of the terminal. */
  readonly width: number;
  /** Columns that the name has, if it is not the longest that decides. */
  readonly name?: number;
  readonly indent?: string;
}

/**
 * Rows of a name and a text, which is wrapped beside the name. Where the text doesn't fit beside a long name,
 * and on a narrow terminal, the name has a line of its own. Ends with a line feed.
 */
export function rows(pairs: readonly (readonly [string, string])[], style: RowStyle): string {
  const { width, indent = "" } = style;
  const names = style.name ?? Math.max(0, ...pairs.map(([name]) => widthOf(name))) + 2;
  const left = indent.length + names;
  const narrow = width - left < 20;
  const margin = narrow ? `${indent}    ` : " ".repeat(left);
  return pairs.map(([name, text]) => {
    if (text === "") return `${indent}${name}\n`;
    const beside = `${indent}${name}  ${text}`;
    if (widthOf(name) >= names && widthOf(beside) <= width) return `${beside}\n`;
    const lines = wrap(text, Math.max(10, width - margin.length));
    const apart = narrow || widthOf(name) >= names;
    const first = apart ? `${indent}${name}\n${margin}` : indent + pad(name, names);
    return `${first}${lines.join(`\n${margin}`)}\n`;
  }).join("");
}

/** A table's column. */
export interface Column {
  readonly title: string;
  /** Numbers stand on the right. */
  readonly right?: boolean;
  /** The first columns to be left out where the terminal is too narrow have the lowest number; none stay. */
  readonly importance?: number;
}

/** A table of at most `width` columns, as far as its columns can be left out. Ends with a line feed. */
export function table(
  columns: readonly Column[],
  cells: readonly (readonly string[])[],
  width: number,
): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(widthOf(title), ...cells.map((row) => widthOf(row[i] ?? "")))
  );
  let shown = columns.map((_, i) => i);
  const total = () => shown.reduce((sum, i) => sum + widths[i]! + 2, -2);
  while (total() > width && shown.some((i) => columns[i]!.importance !== undefined)) {
    const least = Math.min(...shown.map((i) => columns[i]!.importance ?? Infinity));
    const out = shown.findLast((i) => columns[i]!.importance === least);
    shown = shown.filter((i) => i !== out);
  }
  const line = (row: readonly string[]) =>
    shown.map((i) => (columns[i]!.right ? padStart : pad)(row[i] ?? "", widths[i]!))
      .join("  ").trimEnd() + "\n";
  return [columns.map(({ title }) => title), ...cells].map(line).join("");
}
