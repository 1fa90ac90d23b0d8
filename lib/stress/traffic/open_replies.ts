/** What replies have in common of which not every byte is known beforehand. */
import type { Mismatch, MismatchKind } from "../../result/result.ts";
import type { Replies } from "./traffic.ts";

const SHOWN = 16;
/** Bytes beyond the last reply that are looked at, to tell whether they are one reply too many. */
const EVIDENCE = 64 * 1024;

/** Bytes in hexadecimal, up to 16 of them. */
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, SHOWN), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Follows the replies of one connection. One reply may come before the first message, as the greeting of
 * an SMTP server does: bytes until then belong to the reply to the first message.
 */
export abstract class OpenReplies implements Replies {
  readonly #connection: number;
  /** Bytes that were right. */
  protected offset = 0;
  /** Those of a reply that is not complete. */
  unmatched = 0;
  /** Replies that are complete, and how many of them were told. */
  #complete = 0;
  #told = 0;
  #sent = 0;
  #evidence: Uint8Array | undefined;
  /** Bytes came that no message has asked for. */
  #excess = false;

  constructor(connection: number) {
    this.#connection = connection;
  }

  /** Takes bytes of the present reply, from `at` to where it ends, if it does; returns where that is. */
  protected abstract scan(bytes: Uint8Array, at: number): number;
  /** Bytes that must follow, as far as that is known, up to `most`. */
  protected abstract required(most: number): Uint8Array;
  /** Whether these bytes hold a whole reply, or more. */
  protected abstract isReply(bytes: Uint8Array): boolean;
  /** All that came was scanned: whether the present reply is complete as it is, though it could go on. */
  protected settle(): boolean {
    return false;
  }

  take(bytes: Uint8Array, sent: number): number {
    this.#sent = sent;
    const most = sent || 1;
    if (this.#evidence) this.#collect(bytes);
    else {
      let at = 0;
      while (at < bytes.length && this.#complete < most && !this.#evidence) {
        at = this.scan(bytes, at);
      }
      if (at < bytes.length && !this.#evidence) {
        this.#excess = true;
        this.wrong(bytes.subarray(at));
      }
      if (!this.#evidence && sent > 0 && this.unmatched > 0 && this.settle()) this.completed();
    }
    const fresh = Math.min(this.#complete, sent) - this.#told;
    this.#told += fresh;
    return fresh;
  }

  /** A reply is complete. */
  protected completed(): void {
    this.#complete++;
    this.unmatched = 0;
  }

  /** These bytes, and what follows them, are wrong. */
  protected wrong(bytes: Uint8Array): void {
    this.#evidence = bytes.slice(0, EVIDENCE);
  }

  #collect(bytes: Uint8Array): void {
    if (this.conclusive) return;
    const before = this.#evidence!;
    const joined = new Uint8Array(Math.min(before.length + bytes.length, EVIDENCE));
    joined.set(before);
    joined.set(bytes.subarray(0, joined.length - before.length), before.length);
    this.#evidence = joined;
  }

  get early(): boolean {
    return this.#sent === 0 && this.#complete > 0;
  }
  get broken(): boolean {
    return this.#evidence !== undefined;
  }
  get conclusive(): boolean {
    const { length } = this.#evidence ?? "";
    return length >= (this.#excess ? EVIDENCE : SHOWN);
  }
  get partial(): boolean {
    return this.#sent > 0 && this.unmatched > 0;
  }

  mismatch(_sent: number): Mismatch {
    const evidence = this.#evidence!;
    if (!this.#excess) return this.#report("corrupted", hex(evidence));
    return this.#report(this.isReply(evidence) ? "duplicated" : "foreign", hex(evidence));
  }

  truncation(_sent: number): Mismatch {
    return this.#report("truncated", "");
  }

  #report(kind: MismatchKind, actual: string): Mismatch {
    const expected = this.#excess ? "" : hex(this.required(SHOWN));
    return { connection: this.#connection, offset: this.offset, kind, expected, actual };
  }
}
