/** Which failed attempts to connect are made again, because nothing is wrong with the target. */
import type { OSError } from "../../../net/mod.ts";
import { BACKLOG_MS, lateFor, targetName } from "../../../net/connect.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Sources } from "../../plan/sources.ts";

/** Local addresses that are tried for one connect. */
const MAX_SOURCES = 250;

type Verdict =
  | { readonly afterMs: number; readonly late?: undefined }
  | { readonly afterMs?: undefined; readonly late: OSError };

/** The attempts of a thread that failed. */
export class Retries {
  readonly #sources: Sources;
  readonly #plan: Plan;
  /** Attempts in a row that found no free port. */
  #exhausted = 0;
  /** When the first of the attempts was that found the backlog full, by slot. */
  readonly #since = new Map<number, number>();

  constructor(plan: Plan, sources: Sources) {
    this.#plan = plan;
    this.#sources = sources;
  }

  connected(slot: number): void {
    this.#exhausted = 0;
    if (this.#since.size > 0) this.#since.delete(slot);
  }

  /**
   * When to try again after an attempt that began at `startedAt`, or what it has failed with after all, as on
   * TCP; undefined when the error is what it seems.
   */
  failed(slot: number, { code }: OSError, startedAt: number): Verdict | undefined {
    if (code === "EADDRNOTAVAIL" || code === "EADDRINUSE") {
      const another = this.#exhausted++ < MAX_SOURCES && this.#sources.exhausted();
      return another ? { afterMs: 0 } : undefined;
    }
    if (code !== "EAGAIN") return undefined;
    const since = this.#since.get(slot) ?? startedAt;
    const { target, timeoutMs } = this.#plan;
    if (performance.now() - since >= timeoutMs) {
      this.#since.delete(slot);
      return { late: lateFor(targetName(target), timeoutMs) };
    }
    this.#since.set(slot, since);
    return { afterMs: BACKLOG_MS };
  }
}
