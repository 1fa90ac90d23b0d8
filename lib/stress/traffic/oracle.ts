/**
 * The oracle: what each connection must receive, byte for byte, and what a wrong byte means.
 *
 * A connection's stream is a sequence of 32-bit words. Word `i` of connection `c` is a bijective hash
 * of a counter, and every connection counts in a range of its own. So a word names, with its
 * neighbours, the connection and the place that it comes from, and the kinds of mismatches can be
 * distinguished: lost, duplicated, reordered, corrupted, or foreign. The seed changes both the counter's
 * start and the words, so that no two seeds share a part of a stream, shifted or not.
 */

/** How long messages are that have not all the same size. */
export interface Sizes {
  /** Bytes of the first messages of a connection. */
  lengthOf(connection: number, messages: number): number;
  /** How many messages are complete in the first bytes of a connection. */
  messagesIn(connection: number, bytes: number): number;
}

/** 2^32 divided by the golden ratio: numbers in a row become unlike each other. */
const GOLDEN = 0x9e3779b9 | 0;

/** How the target changes the stream on its way: not at all, or to upper case (ASCII). */
export type Transform = "echo" | "upper";

/** A hash of 32 bits that loses nothing ("lowbias32"). */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/**
 * Writes `mix` of `count` numbers in a row to `words`, from `at` on. It is written out, as a call for each
 * word is more than compilers inline where this is called from.
 */
function mixAll(words: Int32Array, at: number, count: number, first: number, mask: number): void {
  for (let i = 0; i < count; i++) {
    let x = (first + i) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    words[at + i] = x ^ (x >>> 16) ^ mask;
  }
}

function unmix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x43021123);
  x = Math.imul(x ^ (x >>> 15) ^ (x >>> 30), 0x1d69e2a5);
  return x ^ (x >>> 16);
}

/**
 * Makes lower-case ASCII letters in a word upper-case, all four bytes at once. Written unlike the
 * server's, so that a fault in one is not hidden by the same fault in the other.
 */
function upperWord(word: number): number {
  const low = word & 0x7f7f7f7f;
  const atLeastA = low + 0x1f1f1f1f; // bit 7 of a byte: its low 7 bits are 0x61 or more
  const aboveZ = low + 0x05050505; // bit 7 of a byte: its low 7 bits are 0x7b or more
  const letters = atLeastA & ~aboveZ & ~word & 0x80808080;
  return word ^ (letters >>> 2);
}

/** A place in the streams: the byte at `offset` of `connection`. */
export interface Place {
  readonly connection: number;
  readonly offset: number;
}

/** Bytes that must agree for a place to be believed. */
const PROOF = 12;

/** The streams of all connections of a run. */
export class Oracle {
  readonly transform: Transform;
  /** Bytes of one message, where all have the same, and else of each. */
  readonly #size: number;
  readonly #sizes: Sizes | undefined;
  /** Where the counter of the first connection starts, and what all words are changed by. */
  readonly #start: number;
  readonly #mask: number;
  readonly #connections: number;
  /** Words per connection until its range of the counter is used up; then another epoch begins. */
  readonly #stride: number;
  #sent = new Scratch(4000);
  #expected = new Scratch(4000);
  readonly #recent = new RecentlySent();

  constructor(
    seed: number,
    connections: number,
    transform: Transform = "echo",
    size: number | Sizes = 1,
  ) {
    this.#size = typeof size === "number" ? size : 0;
    this.#sizes = typeof size === "number" ? undefined : size;
    this.#mask = mix(seed ^ GOLDEN);
    this.#start = mix(this.#mask + GOLDEN);
    this.#connections = connections;
    this.#stride = Math.floor(2 ** 32 / Math.max(connections, 1));
    this.transform = transform;
  }

  /** Bytes of the first messages of a connection. */
  lengthOf(connection: number, messages: number): number {
    return this.#sizes ? this.#sizes.lengthOf(connection, messages) : messages * this.#size;
  }

  /** How many messages are complete in the first bytes of a connection. */
  messagesIn(connection: number, bytes: number): number {
    return this.#sizes ? this.#sizes.messagesIn(connection, bytes) : Math.floor(bytes / this.#size);
  }

  /** Bytes that a connection sends. The view is valid until the next call. */
  sent(connection: number, offset: number, length: number): Uint8Array {
    const recent = this.#recent;
    if (length <= KEPT_BYTES) {
      const place = recent.place(connection, offset, length);
      this.#fill(recent.words, place, connection, offset, length, false);
      return recent.view(connection);
    }
    if (!this.#sent.holds(length)) this.#sent = new Scratch(length);
    this.#fill(this.#sent.words, 0, connection, offset, length, false);
    return this.#sent.view(offset & 3, length);
  }

  /** Bytes that it must receive. The view is valid until the next call. */
  expected(connection: number, offset: number, length: number): Uint8Array {
    const upper = this.transform === "upper";
    if (!upper && this.#recent.has(connection, offset, length)) {
      return this.#recent.view(connection);
    }
    if (!this.#expected.holds(length)) this.#expected = new Scratch(length);
    this.#fill(this.#expected.words, 0, connection, offset, length, upper);
    return this.#expected.view(offset & 3, length);
  }

  /** Makes the words that hold the bytes, from `words[at]` on. */
  #fill(
    words: Int32Array,
    at: number,
    connection: number,
    offset: number,
    length: number,
    upper: boolean,
  ): void {
    const first = Math.floor(offset / 4);
    const count = (Math.floor((offset + length + 3) / 4) - first) | 0;
    const start = (this.#start + Math.imul(connection, this.#stride)) | 0;
    if (first + count <= this.#stride) mixAll(words, at, count, (start + first) | 0, this.#mask);
    else {
      for (let done = 0; done < count;) {
        const epoch = Math.floor((first + done) / this.#stride);
        const within = (first + done) - epoch * this.#stride;
        const run = Math.min(count - done, this.#stride - within);
        mixAll(words, at + done, run, (start + within) | 0, this.#maskOf(epoch));
        done += run;
      }
    }
    if (!upper) return;
    for (let i = at; i < at + count; i++) words[i] = upperWord(words[i]!);
  }

  /**
   * Where the bytes at `at` come from; undefined when they are not part of any stream. `near` is where
   * the connection is that has received them.
   */
  locate(bytes: Uint8Array, at: number, near: number): Place | undefined {
    const epoch = Math.floor(near / 4 / this.#stride);
    for (let shift = 0; shift < 4; shift++) {
      if (at + shift + 4 > bytes.length || bytes.length - at < PROOF) return undefined;
      for (const word of this.#origins(bytes, at + shift)) {
        for (const near of epoch === 0 ? [0, 1] : [epoch, epoch - 1, epoch + 1]) {
          const place = this.#decode(word, near, shift);
          if (place && this.agrees(bytes, at, PROOF, place)) return place;
        }
      }
    }
    return undefined;
  }

  /** The words that may have been sent where these four bytes arrived. */
  #origins(bytes: Uint8Array, at: number): number[] {
    let words = [0];
    for (let i = 0; i < 4; i++) {
      const byte = bytes[at + i]!;
      const folded = this.transform === "upper" && byte >= 0x41 && byte <= 0x5a;
      words = words.flatMap((word) =>
        (folded ? [byte, byte + 0x20] : [byte]).map((b) => word | (b << (8 * i)))
      );
    }
    return words;
  }

  #decode(word: number, epoch: number, shift: number): Place | undefined {
    const counter = (unmix(word ^ this.#maskOf(epoch)) - this.#start) >>> 0;
    const connection = Math.floor(counter / this.#stride);
    const offset = (epoch * this.#stride + counter % this.#stride) * 4 - shift;
    return connection < this.#connections && offset >= 0 ? { connection, offset } : undefined;
  }

  /** What the words of an epoch are changed by. */
  #maskOf(epoch: number): number {
    return epoch === 0 ? this.#mask : this.#mask ^ mix(epoch);
  }

  /** Whether `length` bytes at `at` are those of a place. */
  agrees(bytes: Uint8Array, at: number, length: number, place: Place): boolean {
    const expected = this.expected(place.connection, place.offset, length);
    for (let i = 0; i < length; i++) if (bytes[at + i] !== expected[i]) return false;
    return true;
  }
}

/** Memory to generate words in and to look at bytes of. */
class Scratch {
  readonly #buffer: ArrayBuffer;
  /** The buffer's length; its own `byteLength` is a slow call in some runtimes. */
  readonly #size: number;
  readonly words: Int32Array;
  readonly #views: Uint8Array[] = [];

  /** Makes room for `length` bytes at any alignment, and for somewhat longer ones to come. */
  constructor(length: number) {
    this.#size = 2 ** Math.ceil(Math.log2(length + 8));
    this.#buffer = new ArrayBuffer(this.#size);
    this.words = new Int32Array(this.#buffer);
  }

  /** Whether there is room for `length` bytes at any alignment. */
  holds(length: number): boolean {
    return length + 8 <= this.#size;
  }

  /** Messages have few lengths, so the views of short ones are kept: making one costs more than its use. */
  view(start: number, length: number): Uint8Array {
    if (length > 1024) return new Uint8Array(this.#buffer, start, length);
    // As whole numbers: with others, which they may have been made of, the access is a slow one.
    return this.#views[(length * 4 + start) | 0] ??= new Uint8Array(this.#buffer, start, length);
  }
}

/** The longest message that is kept until its reply is here, and how many are kept: a power of 2. */
const KEPT_BYTES = 120;
const LINES = 256;
/** Words for each, with room for any alignment. */
const LINE_WORDS = 32;

/** The latest messages of some connections: what was made to be sent need not be made again to be expected. */
class RecentlySent {
  readonly words: Int32Array = new Int32Array(LINES * LINE_WORDS);
  readonly #connections: Int32Array = new Int32Array(LINES).fill(-1);
  readonly #offsets: Float64Array = new Float64Array(LINES);
  readonly #views: Uint8Array[] = Array.from({ length: LINES }, () => new Uint8Array(0));

  /** Where to make a message, as an index of `words`. It is kept until another one needs the place. */
  place(connection: number, offset: number, length: number): number {
    const line = connection & (LINES - 1);
    this.#connections[line] = connection;
    this.#offsets[line] = offset;
    const start = line * LINE_WORDS * 4 + (offset & 3);
    const view = this.#views[line]!;
    if (view.length !== length || view.byteOffset !== start) {
      this.#views[line] = new Uint8Array(this.words.buffer, start, length);
    }
    return line * LINE_WORDS;
  }

  /** Whether these very bytes are kept. */
  has(connection: number, offset: number, length: number): boolean {
    const line = connection & (LINES - 1);
    return this.#connections[line] === connection && this.#offsets[line] === offset &&
      this.#views[line]!.length === length;
  }

  view(connection: number): Uint8Array {
    return this.#views[connection & (LINES - 1)]!;
  }
}
