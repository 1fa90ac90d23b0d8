/** Text for terminals: lines that are wrapped between words, and rows of a name and a text. */

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

/** A space at which no line ends: it is written as a space. */
const TIED = "\u00a0";

/** Words that stay on one line. */
export const tied = (text: string): string => text.replaceAll(" ", TIED);

/** A quantity: its unit stays on the line of its number. */
const QUANTITY = /(\d) (?=(?:us|ms|s|B|[KMG]iB|%)(?!\w))/g;

/** Lines of at most `width` columns, wrapped between words; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  return text.replace(QUANTITY, `$1${TIED}`).split("\n").flatMap((paragraph) => {
    const lines: string[] = [];
    let line = "";
    for (const [, gap = "", word = ""] of paragraph.matchAll(/( *)([^ ]+)/g)) {
      if (line === "") line = word;
      else if (widthOf(line) + gap.length + widthOf(word) <= width) line += gap + word;
      else {
        lines.push(line);
        line = word;
      }
    }
    return [...lines, line].map((line) => line.replaceAll(TIED, " "));
  });
}

/** The same as one text, which ends with a line feed. */
export const paragraph = (text: string, width: number): string =>
  `${wrap(text, width).join("\n")}\n`;

/** The text, filled up with spaces to so many columns. */
export const pad = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - widthOf(text)));

export const padStart = (text: string, width: number): string =>
  " ".repeat(Math.max(0, width - widthOf(text))) + text;

/** A name, and what it is the name of. */
export type Row = readonly [name: string, text: string];

export interface RowStyle {
  readonly width: number;
  /** Columns that the name has, if it is not the longest that decides. */
  readonly name?: number;
  /** Blanks behind the longest name that has its text beside it: two. */
  readonly gap?: number;
  readonly indent?: string;
}

/**
 * Rows of a name and a text, which is wrapped beside the name. Where the text or a word of it doesn't fit
 * beside the name, and on a narrow terminal, the name has a line of its own. Ends with a line feed.
 */
export function rows(pairs: readonly Row[], style: RowStyle): string {
  const { width, gap = 2, indent = "" } = style;
  const names = style.name ?? Math.max(0, ...pairs.map(([name]) => widthOf(name))) + gap;
  const left = indent.length + names;
  const narrow = width - left < 20;
  const below = `${indent}    `;
  return pairs.map(([whole, text]) => {
    const fits = widthOf(indent + whole) <= width;
    const name = fits ? whole : wrap(whole, width - below.length).join(`\n${below}`);
    if (text === "") return `${indent}${name}\n`;
    const longest = Math.max(...text.split(" ").map(widthOf));
    const margin = narrow || longest > width - left ? below : " ".repeat(left);
    const beside = `${indent}${name}${" ".repeat(gap)}${text}`;
    if (widthOf(name) > names - gap && widthOf(beside) <= width) return `${beside}\n`;
    const lines = wrap(text, Math.max(10, width - margin.length));
    const apart = narrow || margin === below || widthOf(name) > names - gap;
    const first = apart ? `${indent}${name}\n${margin}` : indent + pad(name, names);
    return `${first}${lines.join(`\n${margin}`)}\n`;
  }).join("");
}
