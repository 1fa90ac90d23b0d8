/**
 * Where records begin in a stream of TLS (RFC 8446, 5.1; RFC 5246, 6.2.1).
 *
 * OpenSSL works through all that it is given before it returns, and a record without content costs as
 * much as a new key (a KeyUpdate of 27 bytes: 75 us). So it is given a limited number of them at a time.
 */

/** Content type, version, length. */
const HEADER = 5;

export class RecordBoundaries {
  /** Bytes of the current record, header included, that are still to come; 0 between records. */
  #left = 0;
  /** How many bytes of the current header were seen, while it is incomplete. */
  #header = 0;
  #length = 0;

  /** How many records have begun since the caller has set it to 0. */
  begun = 0;

  /** The end of at most `limit` records in `bytes` from `start` on, or of all of them. */
  next(bytes: Uint8Array, start: number, limit: number): number {
    let at = start;
    for (let count = 0; at < bytes.length; count++) {
      if (this.#left === 0) {
        if (count === limit) return at;
        at = this.#readHeader(bytes, at);
        if (this.#left === 0) continue;
      }
      const step = Math.min(this.#left, bytes.length - at);
      at += step;
      this.#left -= step;
    }
    return bytes.length;
  }

  /** Goes on with a header, which may come byte by byte; returns where it stops. */
  #readHeader(bytes: Uint8Array, at: number): number {
    while (this.#header < HEADER && at < bytes.length) {
      if (this.#header++ >= HEADER - 2) this.#length = (this.#length << 8) | bytes[at]!;
      at++;
    }
    if (this.#header === HEADER) {
      this.#left = this.#length;
      this.begun++;
      this.#header = this.#length = 0;
    }
    return at;
  }
}
