/** Reading lines from a blocking socket without taking more than the line. */

const LF = 10;
const CR = 13;
// A byte order mark is text like any other, except at the start of a file, which a stream is not.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The next line as UTF-8 text, without its "\n" or "\r\n"; at the end of the stream what is left, then
 * null.
 *
 * `peek` looks at what has arrived (at least a byte, or 0 at the end) and leaves it there; `receive`
 * takes exactly as many bytes as were seen. So what follows the line stays in the kernel, where the next
 * reader finds it: a descriptor can be handed over between two lines. What was taken of a line that can't
 * be read to its end, as time or the limit has run out, goes to `unread`.
 *
 * @throws RangeError when the line is longer than `maxBytes`
 */
export function readLine(
  maxBytes: number,
  peek: (buffer: Uint8Array) => number,
  receive: (bytes: Uint8Array) => void,
  unread: (bytes: Uint8Array) => void,
): string | null {
  let line = new Uint8Array(new ArrayBuffer(1024));
  const checkLength = (length: number) => {
    if (length > maxBytes) {
      throw new RangeError(`Cannot read a line: it is longer than ${maxBytes} bytes`);
    }
  };
  const text = (length: number) => {
    checkLength(length);
    return decoder.decode(line.subarray(0, length));
  };
  let length = 0;
  try {
    for (;;) {
      const seen = peek(line.subarray(length));
      if (seen === 0) return length === 0 ? null : text(length);
      const lf = line.subarray(length, length + seen).indexOf(LF);
      const taken = lf < 0 ? seen : lf + 1;
      receive(line.subarray(length, length + taken));
      length += taken;
      if (lf >= 0) return text(length > 1 && line[length - 2] === CR ? length - 2 : length - 1);
      checkLength(length - 1); // the last byte may be the CR of a line that ends with the next one
      if (length === line.length) {
        const larger = new Uint8Array(new ArrayBuffer(length * 2));
        larger.set(line);
        line = larger;
      }
    }
  } catch (error) {
    unread(line.subarray(0, length));
    throw error;
  }
}
