/** How far a stream has come when so many bytes of it are on the wire, where the two are not the same. */

/** So many places are kept, an even number; then every other one is forgotten, but the last. */
const MOST = 1024;

/**
 * Places of a stream beside their places on the wire, which TLS makes longer, and line feeds that become CR LF.
 * Between two of them bytes are taken to be spread evenly.
 */
export class Marks {
  #places: Place[];

  /** So much was on the wire before the stream began. */
  constructor(wire: number) {
    this.#places = [{ wire, source: 0 }];
  }

  /** How much of the stream was sent. */
  get source(): number {
    return this.#places.at(-1)!.source;
  }

  /** `bytes` more of the stream were sent, and so much is on the wire now. */
  add(bytes: number, wire: number): void {
    const next = { wire, source: this.source + bytes };
    const [before, last] = this.#places.slice(-2);
    if (last && slope(before!, last) === slope(last, next)) this.#places.pop();
    this.#places.push(next);
    if (this.#places.length > MOST) {
      this.#places = this.#places.filter((_, i) => i % 2 === 0);
    }
  }

  /** How much of the stream is on the wire up to this place, in whole bytes. */
  sourceAt(wire: number): number {
    const at = this.#places.findLastIndex((place) => place.wire <= wire);
    const [from, to] = [this.#places[at], this.#places[at + 1]];
    if (!from || !to) return from?.source ?? 0;
    return Math.floor(from.source + (wire - from.wire) * slope(from, to));
  }
}

type Place = { readonly wire: number; readonly source: number };
const slope = (from: Place, to: Place): number => (to.source - from.source) / (to.wire - from.wire);
