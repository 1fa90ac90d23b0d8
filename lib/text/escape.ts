/** Text of others within our lines: line feeds and escapes of a terminal are shown and not obeyed. */

const NAMES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\0": "\\0",
  "\x1b": "\\e",
};

/** Control characters, lone surrogates, and what turns the direction of text around, as escapes. */
export const escapeControls = (text: string): string =>
  text.replace(
    // deno-lint-ignore no-control-regex -- they are what is looked for
    /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu,
    (char) => NAMES[char] ?? shown(char.codePointAt(0)!),
  );

/** A value as JSON in which such characters are escaped, too: JSON itself escapes those below a space. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${hex(char.charCodeAt(0), 4)}`,
  );

/** So many characters of a text, and a sign where that is not all. */
export const cut = (text: string, most = 60): string =>
  text.length > most ? `${text.slice(0, most)}…` : text;

const shown = (code: number): string =>
  code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`;

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, "0");
