/** Bytes as text. */

/**
 * A character for each byte, of the same number. A `TextDecoder` of "latin1" is one of windows-1252, in which
 * 0x80 to 0x9f are others (WHATWG Encoding, 4.2).
 */
export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

const NAMES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\0": "\\0",
};

/** Text of `latin1` in quotes, with the escapes that a script of the client has. */
export const quote = (text: string): string =>
  `"${
    text.replace(
      /["\\]|[^\x20-\x7e]/g,
      (char) => NAMES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
    )
  }"`;
