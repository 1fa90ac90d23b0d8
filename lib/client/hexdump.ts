/** Bytes as hexdump(1) shows them with -C, with their direction, their time and their place in the stream. */

/** Which way bytes go. */
export type Direction = "sent" | "received";

const ARROWS: Readonly<Record<Direction, string>> = { sent: ">", received: "<" };
const ROW = 16;

/**
 * A dump of both directions of a connection. Each call gives the lines for a piece of one of them; its
 * offset goes on where the last piece of that direction ended.
 *
 *     > 12:30:01.250 6 bytes
 *     > 00000000  68 65 6c 6c 6f 0a                                 |hello.|
 */
export class Hexdump {
  readonly #offsets: Record<Direction, number> = { sent: 0, received: 0 };

  /** The lines for some bytes that were sent or received at a time. */
  lines(direction: Direction, bytes: Uint8Array, at: Date): string {
    const arrow = ARROWS[direction];
    const { length } = bytes;
    const head = `${arrow} ${clock(at)} ${length} ${length === 1 ? "byte" : "bytes"}\n`;
    let text = head;
    for (let start = 0; start < length; start += ROW) {
      const part = bytes.subarray(start, start + ROW);
      text += `${arrow} ${row(this.#offsets[direction] + start, part)}\n`;
    }
    this.#offsets[direction] += length;
    return text;
  }
}

function row(offset: number, bytes: Uint8Array): string {
  const hex = Array.from({ length: ROW }, (_, i) => {
    const gap = i === ROW / 2 ? " " : "";
    return gap + (i < bytes.length ? bytes[i]!.toString(16).padStart(2, "0") : "  ");
  });
  const text = Array.from(
    bytes,
    (byte) => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".",
  );
  return `${offset.toString(16).padStart(8, "0")}  ${hex.join(" ")}  |${text.join("")}|`;
}

/** The time of day here, in milliseconds: "12:30:01.250". */
function clock(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  return `${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
