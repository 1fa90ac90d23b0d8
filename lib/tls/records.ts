/** A stream of TLS cut into its records (RFC 8446, 5.1). */

const HEADER = 5;
/** Change_cipher_spec, and the last type that was ever given (heartbeat). */
const FIRST_TYPE = 20;
const LAST_TYPE = 24;
/** What TLS 1.2 allows; TLS 1.3 allows less. */
const MAX_BODY = (1 << 14) + 2048;

/** Takes pieces of any size; what is no TLS goes through as it comes, for node:tls to complain. */
export class Records {
  readonly #take: (record: Uint8Array) => void;
  #rest: Uint8Array = new Uint8Array(0);
  #isTls = true;

  /** `take` gets whole records, which are its own. */
  constructor(take: (record: Uint8Array) => void) {
    this.#take = take;
  }

  /** The next piece of the stream; it is copied. */
  push(bytes: Uint8Array): void {
    let all: Uint8Array = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    while (this.#isTls && all.length >= HEADER) {
      const end = HEADER + (all[3]! << 8 | all[4]!);
      this.#isTls = all[0]! >= FIRST_TYPE && all[0]! <= LAST_TYPE && end <= HEADER + MAX_BODY;
      if (!this.#isTls || all.length < end) break;
      this.#take(all.subarray(0, end));
      all = all.subarray(end);
    }
    if (!this.#isTls && all.length > 0) {
      this.#take(all);
      all = new Uint8Array(0);
    }
    this.#rest = all;
  }
}
