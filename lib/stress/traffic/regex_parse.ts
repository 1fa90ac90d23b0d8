/**
 * Reads a regular expression of JavaScript's for bytes, each of which is one character. What needs to
 * look ahead or back (assertions, references) is refused: replies are matched byte by byte, as they come.
 */

/** 256 flags: which bytes match. */
export type ByteSet = Uint8Array;

/** A part of an expression. */
export type Node =
  | { readonly type: "set"; readonly set: ByteSet }
  | { readonly type: "all"; readonly nodes: readonly Node[] }
  | { readonly type: "any"; readonly nodes: readonly Node[] }
  | {
    readonly type: "repeat";
    readonly node: Node;
    readonly min: number;
    readonly max: number;
    readonly greedy: boolean;
  }
  /** `^` and `$`: where the reply begins, and where it ends. */
  | { readonly type: "begin" }
  | { readonly type: "end" };

const setOf = (matches: (byte: number) => boolean): ByteSet =>
  Uint8Array.from({ length: 256 }, (_, byte) => matches(byte) ? 1 : 0);
const matching = (class_: RegExp) => setOf((byte) => class_.test(String.fromCharCode(byte)));

/** The classes that have a letter, as JavaScript defines them. */
const CLASSES: Readonly<Record<string, ByteSet>> = {
  ...{ d: matching(/\d/), D: matching(/\D/), w: matching(/\w/), W: matching(/\W/) },
  ...{ s: matching(/\s/), S: matching(/\S/) },
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, v: 11, f: 12, "0": 0 };

/** Letters that are the same with the flag i. */
function fold(byte: number): number {
  const char = String.fromCharCode(byte).toUpperCase();
  const upper = char.length === 1 ? char.charCodeAt(0) : byte;
  return upper > 255 || (byte >= 128 && upper < 128) ? byte : upper;
}

/** @throws RangeError for what is no expression, or cannot be matched byte by byte */
export function parseRegex(source: string, flags: string): Node {
  for (const flag of flags) {
    if (flag === "i" || flag === "s") continue;
    throw new RangeError(`the flag "${flag}" is not supported; i and s are`);
  }
  for (const char of source) {
    if (char.charCodeAt(0) < 128) continue;
    const bytes = [...new TextEncoder().encode(char)].map((b) => "\\x" + b.toString(16));
    throw new RangeError(`"${char}" is more than one byte: write ${bytes.join("")}`);
  }
  try {
    new RegExp(source, flags);
  } catch (error) {
    throw new RangeError((error as Error).message);
  }
  return new Parser(source, flags).parse();
}

/** Of an expression that JavaScript takes. */
class Parser {
  readonly #source: string;
  readonly #fold: boolean;
  readonly #dot: ByteSet;
  #at = 0;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#fold = flags.includes("i");
    this.#dot = flags.includes("s") ? setOf(() => true) : matching(/./);
  }

  parse(): Node {
    return this.#alternatives();
  }

  #takes(pattern: RegExp): RegExpExecArray | null {
    const sticky = new RegExp(pattern.source, "y");
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.#source);
    if (match) this.#at += match[0].length;
    return match;
  }

  #alternatives(): Node {
    const nodes = [this.#sequence()];
    while (this.#takes(/\|/)) nodes.push(this.#sequence());
    return nodes.length === 1 ? nodes[0]! : { type: "any", nodes };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at]!)) {
      nodes.push(this.#repeated(this.#atom()));
    }
    return nodes.length === 1 ? nodes[0]! : { type: "all", nodes };
  }

  #repeated(node: Node): Node {
    const match = this.#takes(/(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})(\??)/);
    if (!match) return node;
    const [, sign, least, comma, most, lazy] = match;
    const [min, max] = sign === "*"
      ? [0, Infinity]
      : sign === "+"
      ? [1, Infinity]
      : sign === "?"
      ? [0, 1]
      : [
        Number(least),
        comma === undefined ? Number(least) : most === "" ? Infinity : Number(most),
      ];
    return { type: "repeat", node, min, max, greedy: lazy === "" };
  }

  #atom(): Node {
    if (this.#takes(/\^/)) return { type: "begin" };
    if (this.#takes(/\$/)) return { type: "end" };
    if (this.#takes(/\./)) return { type: "set", set: this.#dot };
    if (this.#takes(/\(\?:|\(\?<(?![=!])[^>]*>|\((?!\?)/)) {
      const node = this.#alternatives();
      this.#at++; // the bracket that JavaScript has seen
      return node;
    }
    const special = this.#takes(/\(\?.[=!]?/);
    if (special) throw unsupported(special[0] + "…)");
    if (this.#takes(/\[/)) return this.#class();
    const item = this.#item(false);
    return { type: "set", set: typeof item === "number" ? this.#single(item) : item };
  }

  #single(byte: number): ByteSet {
    return this.#folded(setOf((b) => b === byte));
  }

  #folded(set: ByteSet): ByteSet {
    if (!this.#fold) return set;
    const folds = new Set<number>();
    set.forEach((on, byte) => on && folds.add(fold(byte)));
    return setOf((byte) => folds.has(fold(byte)));
  }

  #class(): Node {
    const inverted = this.#takes(/\^/) !== null;
    const set = setOf(() => false);
    const add = (item: number | ByteSet) => {
      if (typeof item === "number") set[item] = 1;
      else item.forEach((on, byte) => set[byte]! |= on);
    };
    while (!this.#takes(/\]/)) {
      const first = this.#item(true);
      if (this.#source[this.#at] !== "-" || this.#source[this.#at + 1] === "]") {
        add(first);
        continue;
      }
      this.#at++;
      const last = this.#item(true);
      if (typeof first === "number" && typeof last === "number") {
        for (let byte = first; byte <= last; byte++) set[byte] = 1;
      } else [first, 45, last].forEach(add);
    }
    const folded = this.#folded(set);
    return { type: "set", set: inverted ? folded.map((on) => 1 - on) : folded };
  }

  /** A character or an escape, in or outside of a class. */
  #item(inClass: boolean): number | ByteSet {
    const plain = this.#takes(/[^\\]/);
    if (plain) return plain[0].charCodeAt(0);
    const escape = this.#takes(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|c([A-Za-z])|([^]))/)!;
    const [text, hex, unicode, control, letter] = escape;
    if (hex !== undefined) return parseInt(hex, 16);
    if (unicode !== undefined) {
      if (parseInt(unicode, 16) > 255) throw new RangeError(`${text} is no byte`);
      return parseInt(unicode, 16);
    }
    if (control !== undefined) return control.charCodeAt(0) % 32;
    if (CLASSES[letter!]) return CLASSES[letter!]!;
    if (inClass && letter === "b") return 8;
    if (letter === "0" && /\d/.test(this.#source[this.#at] ?? "")) {
      throw unsupported("\\0 and a digit");
    }
    if (CONTROLS[letter!] !== undefined) return CONTROLS[letter!]!;
    if (/[1-9bBkxuc]/.test(letter!)) throw unsupported(text);
    return letter!.charCodeAt(0);
  }
}

const unsupported = (what: string) =>
  new RangeError(`${what} is not supported: replies are matched byte by byte as they come`);
