/** A message of the user's: text with escapes, and with numbers in it that change. */

/** A number in a message: that of the connection, or that of the message on it; both count from 0. */
export type Placeholder = "conn" | "seq";

const ESCAPES: Readonly<Record<string, number>> = { r: 13, n: 10, t: 9, "0": 0, "\\": 92 };

/** A character of its own, an escape, or a placeholder. `{` alone stands for itself, as in JSON. */
const TOKEN = /\\x([0-9a-fA-F]{2})|\\([rnt0\\])|\{(conn|seq)\}|(\\(?:x|u\{?)?[^]?)|([^\\{]+|\{)/gy;

/**
 * Reads the text of `--message`: the escapes `\r \n \t \0 \\ \xHH` (a byte), the placeholders `{conn}` and
 * `{seq}`, and everything else as UTF-8.
 * @throws RangeError for another escape, or no bytes at all
 */
export function parseMessage(text: string): Message {
  const parts: (number[] | Placeholder)[] = [];
  const literal = () => {
    const last = parts.at(-1);
    if (typeof last === "object") return last;
    const fresh: number[] = [];
    parts.push(fresh);
    return fresh;
  };
  for (const [, hex, letter, name, unknown, plain] of text.matchAll(TOKEN)) {
    if (unknown !== undefined) throw new RangeError(describeUnknown(unknown));
    if (name !== undefined) parts.push(name as Placeholder);
    else if (hex !== undefined) literal().push(parseInt(hex, 16));
    else if (letter !== undefined) literal().push(ESCAPES[letter]!);
    else for (const byte of new TextEncoder().encode(plain)) literal().push(byte);
  }
  if (parts.length === 0) {
    throw new RangeError("there is nothing in it: a message has a byte or more");
  }
  return new Message(parts.map((part) => typeof part === "string" ? part : Uint8Array.from(part)));
}

/** The text of a message that is just these bytes, whatever they are. */
export const messageOfBytes = (bytes: Uint8Array): string =>
  Array.from(
    bytes,
    (byte) =>
      PLAIN.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text, which may have escapes. @throws RangeError when they are none, and would be changed */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new RangeError("it is no UTF-8; other bytes are written as \\xHH");
  }
}

/** What stands for itself in a message, wherever it stands. */
const PLAIN = /[ -[\]-z|}~]/;

function describeUnknown(escape: string): string {
  const known = "known are \\r \\n \\t \\0 \\\\ and \\xHH";
  if (escape === "\\") return `a backslash at its end escapes nothing; write \\\\ for one`;
  if (escape.startsWith("\\x")) return `"${escape}" is no escape: \\x needs two hexadecimal digits`;
  return `"${escape}" is no escape; ${known}`;
}

const digits = (n: number): number => {
  let count = 1;
  for (let limit = 10; n >= limit; limit *= 10) count++;
  return count;
};

/** How many digits the numbers from 0 to below `n` have in all. */
const digitsBelow = (n: number): number => {
  let sum = n;
  for (let limit = 10; n > limit; limit *= 10) sum += n - limit;
  return sum;
};

/** The bytes of a message, which depend on its connection and on its number there. */
export class Message {
  readonly parts: readonly (Uint8Array | Placeholder)[];
  /** It is always the same. */
  readonly fixed: boolean;
  readonly #plain: number;
  readonly #conns: number;
  readonly #seqs: number;

  constructor(parts: readonly (Uint8Array | Placeholder)[]) {
    this.parts = parts;
    this.#plain = parts.reduce(
      (sum, part) => sum + (typeof part === "string" ? 0 : part.length),
      0,
    );
    this.#conns = parts.filter((part) => part === "conn").length;
    this.#seqs = parts.filter((part) => part === "seq").length;
    this.fixed = this.#conns + this.#seqs === 0;
  }

  has(placeholder: Placeholder): boolean {
    return (placeholder === "conn" ? this.#conns : this.#seqs) > 0;
  }

  /** The same in upper case (ASCII). */
  toUpperCase(): Message {
    const upper = (byte: number) => byte >= 97 && byte <= 122 ? byte - 32 : byte;
    return new Message(this.parts.map((part) => typeof part === "string" ? part : part.map(upper)));
  }

  /** Bytes of the first messages of a connection. */
  lengthOf(connection: number, messages: number): number {
    if (this.fixed) return messages * this.#plain;
    const each = this.#plain + this.#conns * digits(connection);
    return messages * each + (this.#seqs === 0 ? 0 : this.#seqs * digitsBelow(messages));
  }

  /** How many messages are complete in the first bytes of a connection. */
  messagesIn(connection: number, bytes: number): number {
    if (this.fixed) return Math.floor(bytes / this.#plain);
    const each = this.#plain + this.#conns * digits(connection);
    if (this.#seqs === 0) return Math.floor(bytes / each);
    // Numbers of as many digits make messages of the same length.
    let left = bytes;
    for (let first = 0, next = 10, count = 1;; first = next, next *= 10, count++) {
      const length = each + this.#seqs * count;
      const whole = Math.floor(left / length);
      if (whole < next - first) return first + whole;
      left -= (next - first) * length;
    }
  }

  /** Writes one message to `out` at `at`, and returns where it ends. */
  write(out: Uint8Array, at: number, connection: number, seq: number): number {
    for (const part of this.parts) {
      if (typeof part !== "string") {
        out.set(part, at);
        at += part.length;
        continue;
      }
      let n = part === "conn" ? connection : seq;
      const end = at + digits(n);
      for (let i = end - 1; i >= at; i--) {
        out[i] = 48 + n % 10;
        n = Math.floor(n / 10);
      }
      at = end;
    }
    return at;
  }
}
