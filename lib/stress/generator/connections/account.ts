/**
 * Where the time of connections goes that no latency has. It is added up where something happens to a
 * connection, in milliseconds of messages that could have been in flight; a message that is answered costs nothing.
 */
import { nothingSpent, type Spent } from "../../../result/elsewhere.ts";
import type { Plan } from "../../plan/plan.ts";
import { connectionProfile } from "../../../result/segments.ts";
import type { Flow } from "./flow.ts";

/** What a slot's connection is doing, apart from `busy` and `unwanted` by the cause that the time goes to. */
const STATES = [
  ...["unwanted", "busy", "unopened", "gone", "renewed", "replaced", "evidence", "done"] as const,
] as const;
type State = typeof STATES[number];
const NUMBER = Object.fromEntries(STATES.map((state, i) => [state, i])) as Record<State, number>;

/** Numbers slots from 0 to below `count`. */
export class Account {
  readonly #each: number;
  readonly #paced: boolean;
  readonly #states: Uint8Array;
  /** Since when each slot is in its state. */
  readonly #since: Float64Array;
  readonly #spent: Spent = nothingSpent();
  #startedAt = Infinity;
  #stoppedAt = Infinity;

  /** Without a profile all slots are wanted from the start. */
  constructor(plan: Plan, count: number) {
    this.#each = plan.pipeline ?? 1;
    this.#paced = plan.expect.kind !== "none";
    const wanted = connectionProfile(plan).length === 0;
    this.#states = new Uint8Array(count).fill(wanted ? NUMBER.unopened : NUMBER.unwanted);
    this.#since = new Float64Array(count);
  }

  /** All that counts begins now. */
  start(now: number): void {
    this.#startedAt = now;
    Object.assign(this.#spent, nothingSpent());
  }

  /** The run has stopped; these connections are there. */
  stop(now: number, peers: Iterable<{ readonly state: Flow }>): void {
    for (let slot = 0; slot < this.#states.length; slot++) this.#settle(slot, now, 0);
    for (const { state: flow } of peers) {
      this.#eachUnanswered(flow, now, (from, to) => this.#spent.edge += this.#within(from, to));
    }
    this.#stoppedAt = now;
  }

  wanted(slot: number, now: number): void {
    if (this.#states[slot] === NUMBER.unwanted) this.to(slot, "unopened", now);
  }

  /** From `now` on a slot is in this state; of its messages so many were in flight all the same. */
  to(slot: number, state: State, now: number, inFlight = 0): void {
    this.#settle(slot, now, inFlight);
    this.#states[slot] = NUMBER[state];
    this.#since[slot] = now;
  }

  /** A slot gets no connection any more. One that never had one has still had none. */
  dropped(slot: number, now: number): void {
    if (this.#states[slot] !== NUMBER.unopened) this.to(slot, "gone", now);
  }

  /** A connection is over, all of whose messages are answered or will be, if that is `inOrder`. */
  closed(flow: Flow, inOrder: boolean, now: number): void {
    if (flow.finished) return;
    if (inOrder) return this.to(flow.slot, "renewed", flow.progressAt);
    this.#eachUnanswered(flow, now, (from, to) => this.reply("never", from, to));
    this.to(flow.slot, "replaced", now);
  }

  /** A message that was answered, or given up, `now` has no latency that counts. Whether that was before the stop. */
  reply(cause: "never" | "wrong" | "edge", sentAt: number, now: number): boolean {
    const ms = this.#within(sentAt, now);
    const inTime = now <= this.#stoppedAt;
    this.#spent[cause] += ms;
    if (!inTime) this.#spent.edge -= ms; // at the stop it had been on its way
    return inTime;
  }

  get spent(): Spent {
    return this.#spent;
  }

  /** Messages of a connection without an answer, with the time that each has waited and nothing else has. */
  #eachUnanswered(flow: Flow, now: number, take: (from: number, to: number) => void): void {
    if (!this.#paced) return;
    // The first one is what was wrong.
    const all = flow.mismatched ? flow.unanswered.slice(1) : flow.unanswered;
    const to = flow.mismatched ? this.#since[flow.slot]! : now;
    for (const { sentAt } of all) take(sentAt, to);
  }

  #settle(slot: number, now: number, inFlight: number): void {
    const state = STATES[this.#states[slot]!]!;
    if (state === "busy" || state === "unwanted" || this.#stoppedAt < Infinity) return;
    this.#spent[state] += this.#within(this.#since[slot]!, now) * (this.#each - inFlight);
  }

  /** How much of a time is of the run. */
  #within(from: number, to: number): number {
    return Math.max(0, Math.min(to, this.#stoppedAt) - Math.max(from, this.#startedAt));
  }
}
