/** What a thread remembers of its connections beyond the life of each: "slots" that connect anew. */
import type { IndexedSet } from "../../engine/mod.ts";
import type { Peer } from "./flow.ts";
import type { LoadData } from "../plan/plan.ts";
import { shareOf } from "./make_pump.ts";

/** Numbers from 0 to below `count`, in typed arrays: many connections are held, and each costs memory. */
export class Slots {
  /** Messages that a slot may still send. */
  readonly #quotas: Float64Array;
  /** How many of them count; before there is no limit. */
  readonly #counted: Float64Array;
  /** Messages that its connections have sent before the present one. */
  readonly #sent: Float64Array;
  /** Whether it has been connected before. */
  readonly #known: Uint8Array;
  readonly #perConnection: number;

  /** In a closed loop each connection has its part of the messages; an open one shares them all. */
  constructor({ plan, first, count }: LoadData, open: boolean) {
    const { messages, hold, connections, messagesPerConnection } = plan;
    const quota = (slot: number) => {
      if (hold) return 1;
      if (messages === null || open) return Infinity;
      return shareOf(messages, connections, first + slot, first + slot + 1);
    };
    this.#counted = Float64Array.from({ length: count }, (_, slot) => quota(slot));
    this.#quotas = plan.warmupMs > 0 && !hold
      ? new Float64Array(count).fill(Infinity)
      : this.#counted.slice();
    this.#sent = new Float64Array(count);
    this.#known = new Uint8Array(count);
    this.#perConnection = messagesPerConnection ?? Infinity;
  }

  /** The warm-up is over: what these connections have sent until now was for nothing. */
  count(peers: IndexedSet<Peer>): void {
    this.#quotas.set(this.#counted);
    peers.each(({ state: flow }) => {
      this.#quotas[flow.slot]! += flow.sentMessages;
      flow.left = this.left(flow.slot) - flow.sentMessages;
    });
  }

  /** How many messages the next connection may send. */
  left(slot: number): number {
    return Math.min(this.#quotas[slot]!, this.#perConnection);
  }

  /** The number of its first message. */
  first(slot: number): number {
    return this.#sent[slot]!;
  }

  /** Whether a connection that has sent so many messages is to make room for another one. */
  outworn(slot: number, sent: number): boolean {
    return sent === this.#perConnection && this.#quotas[slot]! > sent;
  }

  /** A connection is open; true when the slot had one before. */
  opened(slot: number): boolean {
    const before = this.#known[slot] === 1;
    this.#known[slot] = 1;
    return before;
  }

  /** A connection is over that has sent so many messages. */
  closed(slot: number, sent: number): void {
    this.#quotas[slot]! -= sent;
    this.#sent[slot]! += sent;
  }
}
