/** What one reply must be: where it ends, and which expression it must match. */
import { latin1 } from "../../text/bytes.ts";
import type { Expression, Frame } from "../plan/expectation.ts";
import { endOf, KnownScanner, scannerOf } from "./frame.ts";
import type { Scanner } from "./scanner.ts";

/** Shared by all replies that must be the same. */
export class Shape {
  readonly #make: () => Scanner;
  /** What a reply ends with, which an expression may leave out. */
  readonly #end: Uint8Array;
  readonly #regex: RegExp | undefined;
  readonly #http: boolean;
  /** For replies that come in one piece, one after the other. */
  #scanner: Scanner;

  constructor(make: () => Scanner, end: Uint8Array, regex: Expression | undefined, http: boolean) {
    this.#make = make;
    this.#end = end;
    // `g` and `y` would only make a test depend on the one before.
    this.#regex = regex && new RegExp(regex.source, regex.flags.replace(/[gy]/g, ""));
    this.#http = http;
    this.#scanner = make();
  }

  get scanner(): Scanner {
    return this.#scanner;
  }

  /** Gives the scanner away, as it is in the middle of a reply. */
  lend(): Scanner {
    const lent = this.#scanner;
    this.#scanner = this.#make();
    return lent;
  }

  /** A reply must come whole, for an expression to see it. */
  get judges(): boolean {
    return this.#regex !== undefined;
  }

  /** Whether the expression matches a reply, with what it ends with or without. */
  matches(reply: Uint8Array): boolean {
    const regex = this.#regex!;
    const whole = textOf(reply);
    if (regex.test(whole)) return true;
    if (this.#end.length === 0) return false;
    const bare = textOf(reply.subarray(0, reply.length - this.#end.length));
    return regex.test(this.#end.at(-1) === 10 ? bare.replace(/\r$/, "") : bare);
  }

  /** The status of an HTTP reply that is an error, where no expression judges; 0 for none. */
  refusal({ status = 0 }: Scanner): number {
    return !this.#http || this.judges || (status >= 200 && status < 300) ? 0 : status;
  }

  /** Whether these bytes begin with a whole reply. */
  isReply(bytes: Uint8Array): boolean {
    const scanner = this.#make();
    const end = scanner.scan(bytes, 0);
    return scanner.done && (!this.judges || this.matches(bytes.subarray(0, end)));
  }
}

/** Any reply that ends as `frame` says; `head`: its message is an HTTP HEAD. */
export function framed(frame: Frame, regex?: Expression, head = false): Shape {
  const end = endOf(frame) ?? NOTHING;
  return new Shape(() => scannerOf(frame, head), end, regex, frame.kind === "http");
}

/** Whether a message is a request whose HTTP response has no body. */
export const asksForHead = (message: string | null): boolean =>
  message?.startsWith("HEAD ") ?? false;

/** A reply of which every byte is known. */
export const known = (expected: Uint8Array): Shape =>
  new Shape(() => new KnownScanner(expected), NOTHING, undefined, false);

const NOTHING = new Uint8Array(0);
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8; in bytes that are none, each is a character. */
function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return latin1(bytes);
  }
}
