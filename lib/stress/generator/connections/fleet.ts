/** The connections of a thread: which are wanted, and what becomes of one that is gone. */
import { now as clock } from "../../../sys/clock.ts";
import type { Engine } from "../../../engine/mod.ts";
import { Connector } from "./connector.ts";
import type { Plan } from "../../plan/plan.ts";
import { connectionProfile, type Segment, valueAt } from "../../../result/segments.ts";

/** How soon a lost connection is replaced, and how long it takes at most when that fails again and again. */
const FIRST_RETRY_MS = 10;
const LAST_RETRY_MS = 1000;
/** How often the number of connections follows its profile. */
const FOLLOW_MS = 20;

export interface FleetActions {
  connect(slot: number): void;
  /** Ends a connection in order; it is not replaced. */
  retire(slot: number): void;
  /** Whether a slot must have a connection, for messages that its last one has left unanswered. */
  owes(slot: number): boolean;
}

/** Numbers the connections of a thread from 0 ("slots") and says when each connects. */
export class Fleet {
  readonly #engine: Engine;
  readonly #actions: FleetActions;
  readonly #connector: Connector;
  readonly #profile: readonly Segment[];
  readonly #connections: number;
  readonly #count: number;
  readonly #retries: Uint8Array;
  /** Slots below this are wanted. */
  #wanted = 0;
  /** Slots that wait for their next attempt. */
  #waiting = 0;
  #over = false;
  #startedAt = 0;

  /** For `count` connections; the plan's number is that of all threads. */
  constructor(engine: Engine, plan: Plan, workers: number, count: number, actions: FleetActions) {
    this.#engine = engine;
    this.#actions = actions;
    this.#count = count;
    this.#connections = plan.connections;
    this.#profile = connectionProfile(plan);
    this.#retries = new Uint8Array(count);
    const rate = plan.connectRate === null ? null : plan.connectRate / workers;
    this.#connector = new Connector(engine, (slot) => actions.connect(slot), rate);
  }

  /** All wanted connections have been tried. */
  get settled(): boolean {
    return this.#connector.settled && this.#waiting === 0;
  }

  /** More connections may come, now or later. */
  get growing(): boolean {
    return !this.#over && (!this.#connector.settled || this.#waiting > 0 || this.#rising);
  }

  get #rising(): boolean {
    return this.#wanted < this.#count && this.#profile.length > 0;
  }

  wants(slot: number): boolean {
    return (!this.#over && slot < this.#wanted) || this.#actions.owes(slot);
  }

  /** Connects all that are wanted at the start. */
  connectAll(): void {
    this.#want(this.#profile.length > 0 ? this.#at(0) : this.#count);
  }

  /** From now on the number of connections follows its profile. */
  follow(now: number): void {
    this.#startedAt = now;
    if (this.#profile.length > 0) this.#follow();
  }

  /** An attempt to connect has ended, with a connection or without. */
  attempted(slot: number, open: boolean): void {
    if (open) this.#retries[slot] = 0;
    this.#connector.ended();
  }

  /** Connects a slot anew, at once; false when it is to have no connection. */
  renew(slot: number): boolean {
    if (!this.wants(slot)) return false;
    this.#connector.want(slot, true);
    return true;
  }

  /** Connects a slot anew after a while, the longer the more often that has failed. */
  retry(slot: number): boolean {
    const ms = Math.min(FIRST_RETRY_MS * 2 ** this.#retries[slot]!, LAST_RETRY_MS);
    this.#retries[slot]! += this.#retries[slot]! < 10 ? 1 : 0;
    return this.retryIn(slot, ms);
  }

  retryIn(slot: number, ms: number): boolean {
    if (!this.wants(slot)) return false;
    this.#waiting++;
    this.#engine.after(ms, () => {
      this.#waiting--;
      this.renew(slot);
    });
    return true;
  }

  /** No connection is made from now on, but for what others owe. */
  stop(): void {
    this.#over = true;
    this.#connector.clear((slot) => this.wants(slot));
  }

  /** This thread's part of the profile, rounded up so that the threads have enough together. */
  #at(ms: number): number {
    const share = valueAt(this.#profile, ms) * this.#count / this.#connections;
    return Math.min(this.#count, Math.ceil(share - 1e-9));
  }

  #want(count: number): void {
    const before = this.#wanted;
    this.#wanted = count;
    for (let slot = before; slot < count; slot++) this.#connector.want(slot);
    for (let slot = before - 1; slot >= count; slot--) this.#actions.retire(slot);
  }

  #follow(): void {
    if (this.#over) return;
    this.#want(this.#at(clock() - this.#startedAt));
    this.#engine.after(FOLLOW_MS, () => this.#follow());
  }
}
