/**
 * Faults on purpose, for people who test clients (docs/faults.md).
 *
 * A decorator of a handler: the service behind it talks to a FaultyConnection, and knows nothing of it.
 * Without faults it is not there, and costs nothing.
 */
import type { Connection, Engine, Handler } from "../../engine/mod.ts";
import type { OSError } from "../../net/mod.ts";
import { type FaultOptions, Random } from "./options.ts";
import { FaultyConnection } from "./connection.ts";

export class Faults<S> implements Handler<S> {
  readonly #engine: Engine;
  readonly #options: FaultOptions;
  readonly #inner: Handler<S>;
  readonly #counter: Int32Array;
  /** The others are the service's own, without a detour. */
  readonly #affected = new Map<Connection<S>, FaultyConnection<S>>();

  constructor(engine: Engine, options: FaultOptions, inner: Handler<S>) {
    this.#engine = engine;
    this.#options = options;
    this.#inner = inner;
    this.#counter = new Int32Array(options.counter);
  }

  open(raw: Connection<S>): void {
    const number = Atomics.add(this.#counter, 0, 1);
    const random = new Random(this.#options.seed, number);
    // The first number drawn is the choice: isAffected must say the same.
    if (random.next() * 100 >= this.#options.percent) return this.#inner.open(raw);
    const faulty = new FaultyConnection(raw, this.#engine, this.#inner, this.#options, random);
    this.#affected.set(raw, faulty);
    faulty.opened();
  }

  /** The server drains: a black hole has nothing to finish. */
  drain(): void {
    if (this.#options.blackhole) this.cut();
  }

  /** Closes what is held back anything for, as a stream that was cut must not look whole. */
  cut(): void {
    for (const faulty of this.#affected.values()) faulty.close();
  }

  data(raw: Connection<S>, bytes: Uint8Array): void {
    const faulty = this.#affected.get(raw);
    if (faulty) faulty.data(bytes);
    else this.#inner.data(raw, bytes);
  }

  writable(raw: Connection<S>): void {
    const faulty = this.#affected.get(raw);
    if (faulty) faulty.writable();
    else this.#inner.writable(raw);
  }

  end(raw: Connection<S>): void {
    const faulty = this.#affected.get(raw);
    if (faulty) faulty.ended();
    else this.#inner.end(raw);
  }

  close(raw: Connection<S>, error: OSError | null): void {
    const faulty = this.#affected.get(raw);
    this.#affected.delete(raw);
    faulty?.over();
    this.#inner.close(faulty ?? raw, error);
  }
}
