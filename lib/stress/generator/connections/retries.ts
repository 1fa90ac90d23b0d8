/** Which failed attempts to connect are made again, because nothing is wrong with the target. */
import type { OSError } from "../../../net/mod.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Sources } from "../../plan/sources.ts";

/** Local addresses that are tried for one connect. */
const MAX_SOURCES = 250;
/** A Unix socket whose backlog is full refuses at once (connect(2)): how soon it is tried again. */
const BACKLOG_MS = 2;

/** The attempts of a thread that failed. */
export class Retries {
  readonly #sources: Sources;
  readonly #timeoutMs: number;
  /** Attempts in a row that found no free port. */
  #exhausted = 0;
  /** When the first of the attempts was that found the backlog full, by slot. */
  readonly #since = new Map<number, number>();

  constructor({ timeoutMs }: Plan, sources: Sources) {
    this.#timeoutMs = timeoutMs;
    this.#sources = sources;
  }

  /** A slot is connected. */
  connected(slot: number): void {
    this.#exhausted = 0;
    if (this.#since.size > 0) this.#since.delete(slot);
  }

  /** When to try again after an attempt that began at `startedAt`; undefined for not at all. */
  failed(slot: number, { code }: OSError, startedAt: number): { afterMs: number } | undefined {
    if (code === "EADDRNOTAVAIL" || code === "EADDRINUSE") {
      const another = this.#exhausted++ < MAX_SOURCES && this.#sources.exhausted();
      return another ? { afterMs: 0 } : undefined;
    }
    if (code !== "EAGAIN") return undefined;
    const since = this.#since.get(slot) ?? startedAt;
    if (performance.now() - since >= this.#timeoutMs) {
      this.#since.delete(slot);
      return undefined;
    }
    this.#since.set(slot, since);
    return { afterMs: BACKLOG_MS };
  }
}
