/** The bytes that a read of lines has received beyond the line it returned. */

const CHUNK = 4096;
const LF = 10;
const CR = 13;

/** Splits a stream into lines; what is left over stays for the next line or read. */
export class LineBuffer {
  #bytes = new Uint8Array(new ArrayBuffer(CHUNK));
  #start = 0;
  #end = 0;

  /** Moves buffered bytes into `target`, and returns how many. */
  read(target: Uint8Array): number {
    const count = Math.min(this.#end - this.#start, target.length);
    target.set(this.#bytes.subarray(this.#start, this.#start + count));
    this.#start += count;
    return count;
  }

  /** The next line, filled by `receive` (bytes, 0 at the end); null at the end. */
  next(maxBytes: number, receive: (buffer: Uint8Array) => number): string | null {
    for (let from = this.#start;;) {
      const lf = this.#bytes.subarray(0, this.#end).indexOf(LF, from);
      if (lf >= 0) {
        const end = lf > this.#start && this.#bytes[lf - 1] === CR ? lf - 1 : lf;
        return this.#take(end, lf + 1);
      }
      if (this.#end - this.#start > maxBytes) {
        throw new RangeError(`Cannot read a line: it is longer than ${maxBytes} bytes`);
      }
      from = this.#makeRoom();
      const received = receive(this.#bytes.subarray(this.#end));
      if (received === 0) return this.#end > this.#start ? this.#take(this.#end, this.#end) : null;
      this.#end += received;
    }
  }

  #take(end: number, next: number): string {
    const line = new TextDecoder().decode(this.#bytes.subarray(this.#start, end));
    this.#start = next;
    return line;
  }

  /** Moves what is left to the front, grows when full, and returns where unseen bytes will begin. */
  #makeRoom(): number {
    const left = this.#bytes.subarray(this.#start, this.#end);
    if (left.length > this.#bytes.length / 2) {
      const larger = new Uint8Array(new ArrayBuffer(this.#bytes.length * 2));
      larger.set(left);
      this.#bytes = larger;
    } else {
      this.#bytes.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = left.length;
    return this.#end;
  }
}
