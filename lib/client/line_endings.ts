/** LF to CR LF, as telnet, SMTP and HTTP want lines to end. */

const CR = 13;
const LF = 10;

/**
 * A converter for a stream: what ends in LF ends in CR LF afterwards, and CR LF stays as it is, also when
 * it comes in two pieces.
 */
export function lineEndings(): (bytes: Uint8Array) => Uint8Array {
  let last = 0;
  let buffer = new Uint8Array(0);
  return (bytes) => {
    if (buffer.length < 2 * bytes.length) {
      buffer = new Uint8Array(new ArrayBuffer(2 * bytes.length));
    }
    let length = 0;
    for (const byte of bytes) {
      if (byte === LF && last !== CR) buffer[length++] = CR;
      buffer[length++] = last = byte;
    }
    return buffer.subarray(0, length);
  };
}
