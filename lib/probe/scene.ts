/** What a profile acts on: clients of a target, and time. */
import type { Engine } from "../engine/mod.ts";
import type { OSError } from "../net/mod.ts";
import type { Dial } from "../stress/generator/dial.ts";
import type { Plan } from "../stress/plan/plan.ts";
import type { Traffic } from "../stress/traffic/traffic.ts";
import { type Client, Clients } from "./client.ts";
import type { ProfileSettings } from "./plan.ts";

const LOOK_MS = 20;

/** How long an orderly end is waited for, which no profile judges. */
const PATIENCE_MS = 500;

/** Thrown out of a profile when the user interrupts it. */
export class Interrupted extends Error {}

export class Scene {
  readonly engine: Engine;
  readonly plan: Plan;
  readonly settings: ProfileSettings;
  cast: Client[] = [];
  readonly #clients: Clients;
  readonly #stopped: () => boolean;

  constructor(
    engine: Engine,
    settings: ProfileSettings,
    traffic: Traffic,
    dial: Dial,
    stopped: () => boolean,
  ) {
    this.engine = engine;
    this.plan = settings.plan;
    this.settings = settings;
    this.#clients = new Clients(engine, traffic, dial, this.listens);
    this.#stopped = stopped;
  }

  /** For a connect, for a reply, and for each reaction. */
  get timeoutMs(): number {
    return this.plan.timeoutMs;
  }

  /** Why this machine can't do its part, which says nothing of the target. */
  get ownFailure(): OSError | undefined {
    return this.#clients.ownFailure;
  }

  get listens(): boolean {
    return this.plan.expect.kind !== "none";
  }

  /** Messages that may be sent at once: any number where replies are the bytes themselves. */
  burst(most: number): number {
    const { kind } = this.plan.expect;
    return this.plan.pipeline ?? (kind === "echo" || kind === "upper" ? most : 1);
  }

  dial(): Client {
    return this.#clients.connect();
  }

  /** Runs the loop until the condition holds (true) or the time has passed. @throws Interrupted; `ownFailure` */
  until(done: () => boolean, ms: number = this.timeoutMs): boolean {
    const deadline = performance.now() + ms;
    for (;;) {
      if (this.ownFailure) throw this.ownFailure;
      if (done()) return true;
      if (this.#stopped()) throw new Interrupted();
      const left = deadline - performance.now();
      if (left <= 0) return false;
      const look = this.engine.after(Math.min(LOOK_MS, left), () => {});
      this.engine.turn();
      look.cancel();
    }
  }

  /** As `until`, but the time starts anew whenever `progress` changes; three times as long at most. */
  untilStuck(done: () => boolean, progress: () => number): boolean {
    let last = progress();
    let since = performance.now();
    this.until(() => {
      if (progress() !== last) since = performance.now();
      last = progress();
      return done() || performance.now() - since > this.timeoutMs;
    }, 3 * this.timeoutMs);
    return done();
  }

  pass(ms: number): void {
    this.until(() => false, ms);
  }

  /** Connects the misbehaving clients. Those that fail are `over` and have an `error`. */
  connect(paused = false): Client[] {
    const { misbehaving } = this.settings;
    this.cast = Array.from({ length: misbehaving }, () => this.#clients.connect(paused));
    this.until(() => this.cast.every(({ opened, over }) => opened || over));
    return this.cast.filter(({ opened }) => opened);
  }

  /** Lets clients go in order, as far as the target lets them. */
  release(clients: readonly Client[]): void {
    const open = clients.filter(({ over }) => !over);
    for (const client of open) client.end();
    this.until(() => open.every(({ over, ended }) => over || ended), PATIENCE_MS);
    for (const client of open) client.close();
  }

  connectReasons(): string[] {
    const failed = this.cast.filter(({ opened }) => !opened);
    if (failed.length === 0) return [];
    const codes = new Set(failed.map(({ error }) => error?.code ?? "ETIMEDOUT"));
    return [
      `did not take ${failed.length} of ${this.cast.length} connections: ${[...codes].join(", ")}`,
    ];
  }
}
