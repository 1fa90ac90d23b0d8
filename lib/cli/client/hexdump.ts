/** Bytes as hexdump(1) shows them with -C, with their direction, their time and their place in the stream. */

export type Direction = "sent" | "received";

const ARROWS: Readonly<Record<Direction, string>> = { sent: ">", received: "<" };
const ROW = 16;
/** From the beginning of a row's hexadecimal part to its text: two digits and a space each, and a gap in the middle. */
const HEX_WIDTH = 3 * ROW + 2;
/** What else a row has at most: arrow, offset, bars, text, line feed. */
const AROUND = 2 + 16 + 2 + 1 + ROW + 2;
const [SPACE, BAR, LINE_FEED, DOT] = [0x20, 0x7c, 0x0a, 0x2e];
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const DIGITS = encode("0123456789abcdef");
const LEAST_DIGITS = 8;

/**
 * A dump of both directions of a connection. Each call gives the lines for a piece of one of them; its
 * offset goes on where the last piece of that direction ended.
 *
 *     > 12:30:01.250 6 bytes
 *     > 00000000  68 65 6c 6c 6f 0a                                 |hello.|
 *
 * Lines are made of bytes, each of which is stored once: text put together for them took thirty times as long.
 */
export class Hexdump {
  readonly #offsets: Record<Direction, number> = { sent: 0, received: 0 };
  #out: Uint8Array = new Uint8Array(0);
  #end = 0;

  /** The lines for some bytes that were sent or received at a time. They are lent until the next call. */
  lines(direction: Direction, bytes: Uint8Array, at: Date): Uint8Array {
    const arrow = ARROWS[direction];
    const { length } = bytes;
    const head = encode(`${arrow} ${clock(at)} ${length} ${length === 1 ? "byte" : "bytes"}\n`);
    const most = head.length + Math.ceil(length / ROW) * (HEX_WIDTH + AROUND);
    if (this.#out.length < most) this.#out = new Uint8Array(new ArrayBuffer(most));
    this.#out.set(head);
    this.#end = head.length;
    for (let start = 0; start < length; start += ROW) {
      this.#row(arrow, this.#offsets[direction] + start, bytes, start);
    }
    this.#offsets[direction] += length;
    return this.#out.subarray(0, this.#end);
  }

  #row(arrow: string, offset: number, bytes: Uint8Array, start: number): void {
    const out = this.#out;
    let end = this.#end;
    out[end++] = arrow.charCodeAt(0);
    out[end++] = SPACE;
    end = putOffset(out, end, offset);
    const text = end + 2 + HEX_WIDTH;
    out.fill(SPACE, end, text);
    end += 2;
    const count = Math.min(ROW, bytes.length - start);
    out[text] = BAR;
    for (let i = 0; i < count; i++) {
      const byte = bytes[start + i]!;
      if (i === ROW / 2) end++;
      out[end] = DIGITS[byte >> 4]!;
      out[end + 1] = DIGITS[byte & 15]!;
      end += 3;
      out[text + 1 + i] = byte >= 32 && byte < 127 ? byte : DOT;
    }
    out[text + 1 + count] = BAR;
    out[text + 2 + count] = LINE_FEED;
    this.#end = text + 3 + count;
  }
}

/** Writes an offset in hexadecimal digits, and returns where it ends. */
function putOffset(out: Uint8Array, at: number, offset: number): number {
  const digits = offset < 2 ** 32 ? LEAST_DIGITS : offset.toString(16).length;
  for (let i = at + digits - 1, rest = offset; i >= at; i--) {
    out[i] = DIGITS[rest % 16]!;
    rest = Math.floor(rest / 16);
  }
  return at + digits;
}

/** The time of day here, in milliseconds: "12:30:01.250". */
function clock(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  return `${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
