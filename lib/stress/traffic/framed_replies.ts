/** Follows replies that end as a frame does, and holds each of them against an expression, if there is one. */
import type { Mismatch, MismatchKind } from "../../result/result.ts";
import { hex, SHOWN } from "./hex.ts";
import type { Scanner } from "./scanner.ts";
import type { Shape } from "./shape.ts";
import type { Replies } from "./traffic.ts";

/** Bytes beyond the last reply that are looked at, to see whether they are one reply too many. */
const EVIDENCE = 64 * 1024;
/** The longest reply that an expression can judge: it comes to it whole, in memory. */
const MOST_HELD = 16 * 2 ** 20;

/**
 * Those of one connection. One reply may come before the first message, as the greeting of an SMTP server
 * does: bytes until then belong to the reply to the first message. Between replies there is no buffer.
 */
export class FramedReplies implements Replies {
  readonly #connection: number;
  readonly #shapeOf: (index: number) => Shape;
  /** The number of the next reply among all of the connection's. */
  #index: number;
  /** Bytes that were right. */
  #offset = 0;
  /** Of a reply that has come in part: what follows it, and its bytes where an expression is to see them. */
  #scanner: Scanner | undefined;
  #held: Uint8Array | undefined;
  #unmatched = 0;
  /** Replies that are complete, and how many of those were reported. */
  #complete = 0;
  #reported = 0;
  #sent = 0;
  #evidence: Uint8Array | undefined;
  /** Bytes came that no message has asked for. */
  #excess = false;
  #expected = "";
  #conclusive = false;
  #refusals: number[] | undefined;
  /** How long they were, of those that are not reported yet or were at last. */
  #lengths: number[] = NONE;
  closing = false;

  /** `shapeOf` gives what reply `index` must be, the first one is number `first`. */
  constructor(connection: number, first: number, shapeOf: (index: number) => Shape) {
    this.#connection = connection;
    this.#index = first;
    this.#shapeOf = shapeOf;
  }

  take(bytes: Uint8Array, sent: number): number {
    this.#sent = sent;
    this.#refusals = undefined;
    if (this.#complete === this.#reported) this.#lengths = NONE;
    const most = sent || 1;
    if (this.#evidence) this.#collect(bytes);
    else {
      let at = 0;
      while (at < bytes.length && this.#complete < most && !this.#evidence) {
        at = this.#follow(bytes, at);
      }
      if (at < bytes.length && !this.#evidence) {
        this.#excess = true;
        this.#wrong(bytes.subarray(at));
      }
    }
    return this.#report(sent);
  }

  #report(sent: number): number {
    const fresh = Math.min(this.#complete, sent) - this.#reported;
    this.#reported += fresh;
    return fresh;
  }

  #follow(bytes: Uint8Array, at: number): number {
    const shape = this.#shapeOf(this.#index);
    const scanner = this.#scanner ?? shape.scanner;
    const end = scanner.scan(bytes, at);
    if (scanner.wrong) {
      this.#offset += end - at - (scanner.before?.length ?? 0);
      this.#expected = hex(scanner.required ?? NOTHING);
      this.#wrong(joined(scanner.before, bytes.subarray(end)));
      if (!this.#scanner) scanner.reset();
    } else if (!scanner.done) {
      this.#scanner ??= shape.lend();
      this.#pass(end - at);
      if (shape.judges) this.#hold(bytes.subarray(at, end));
    } else {
      const reply = shape.judges ? joined(this.#held, bytes.subarray(at, end)) : NOTHING;
      if (shape.judges && !shape.matches(reply)) {
        this.#offset -= this.#held?.length ?? 0;
        this.#wrong(reply);
        this.#conclusive = true;
      } else {
        this.#pass(end - at);
        this.#completed(shape.refusal(scanner), scanner.closes ?? false);
      }
      if (this.#scanner) this.#scanner = undefined;
      else scanner.reset();
      this.#held = undefined;
    }
    return end;
  }

  #pass(length: number): void {
    this.#offset += length;
    this.#unmatched += length;
  }

  #hold(bytes: Uint8Array): void {
    this.#held = joined(this.#held, bytes).slice();
    if (this.#held.length <= MOST_HELD) return;
    this.#offset -= this.#held.length;
    this.#wrong(this.#held);
    this.#conclusive = true;
  }

  #completed(refusal: number, closing: boolean): void {
    if (refusal !== 0) (this.#refusals ??= [])[this.#complete - this.#reported] = refusal;
    if (closing) this.closing = true;
    if (this.#lengths === NONE) this.#lengths = [];
    this.#lengths.push(this.#unmatched);
    this.#complete++;
    this.#index++;
    this.#unmatched = 0;
  }

  lengthOf(i: number): number {
    return this.#lengths[i]!;
  }

  refusal(i: number): number {
    return this.#refusals?.[i] ?? 0;
  }

  finish(sent: number): number {
    if (!this.#scanner?.untilClose) return 0;
    this.#completed(this.#shapeOf(this.#index).refusal(this.#scanner), true);
    this.#scanner = undefined;
    return this.#report(sent);
  }

  #wrong(bytes: Uint8Array): void {
    this.#evidence = bytes.slice(0, EVIDENCE);
  }

  #collect(bytes: Uint8Array): void {
    if (this.conclusive) return;
    this.#evidence = joined(this.#evidence, bytes.subarray(0, EVIDENCE - this.#evidence!.length))
      .slice();
  }

  get early(): boolean {
    return this.#sent === 0 && this.#complete > 0;
  }
  get broken(): boolean {
    return this.#evidence !== undefined;
  }
  get conclusive(): boolean {
    const { length } = this.#evidence ?? NOTHING;
    return this.#conclusive || length >= (this.#excess ? EVIDENCE : SHOWN);
  }
  get partial(): boolean {
    return this.#sent > 0 && this.#unmatched > 0 && !this.#scanner?.untilClose;
  }
  get unmatched(): number {
    return this.#unmatched;
  }

  mismatch(): Mismatch {
    const evidence = this.#evidence!;
    if (!this.#excess) return this.#describe("corrupted", hex(evidence));
    const again = this.#shapeOf(this.#index).isReply(evidence);
    return this.#describe(again ? "duplicated" : "foreign", hex(evidence));
  }

  truncation(): Mismatch {
    this.#expected = hex(this.#scanner?.required ?? NOTHING);
    return this.#describe("truncated", "");
  }

  #describe(kind: MismatchKind, actual: string): Mismatch {
    const expected = this.#excess ? "" : this.#expected;
    return { connection: this.#connection, offset: this.#offset, kind, expected, actual };
  }
}

const NOTHING = new Uint8Array(0);
const NONE: number[] = [];

/** Both as one; `b` itself where there is no `a`. */
function joined(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
  if (!a) return b;
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
