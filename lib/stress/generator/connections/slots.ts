/** What a thread remembers of its connections beyond the life of each: "slots" that connect anew. */
import { now as clock } from "../../../sys/clock.ts";
import { Account } from "./account.ts";
import type { Flow, Peer, SentMessage } from "./flow.ts";
import type { IndexedSet } from "./indexed_set.ts";
import { type LoadData, shareOf } from "../../plan/plan.ts";

/** Numbers from 0 to below `count`, in typed arrays: many connections are held, and each costs memory. */
export class Slots {
  /** Messages that a slot may still send. */
  readonly #quotas: Float64Array;
  /** How many of them count; before that there is no limit. */
  readonly #counted: Float64Array;
  /** Messages that its connections have sent before the present one. */
  readonly #sent: Float64Array;
  /** Whether it has been connected before. */
  readonly #known: Uint8Array;
  readonly #perConnection: number;
  /** Where the time of slots goes that are not at work. */
  readonly account: Account;
  /** Messages that a connection has left unanswered in order: the next one of its slot sends them again. */
  readonly #owed = new Map<number, readonly SentMessage[]>();
  /** Messages of slots that are not wanted any more: others send them. */
  #leftOver = 0;
  /** Messages of the plan that are still to be sent; Infinity without a number of messages. */
  #remaining: number;

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
    this.account = new Account(plan, count);
    this.#sent = new Float64Array(count);
    this.#known = new Uint8Array(count);
    this.#perConnection = messagesPerConnection ?? Infinity;
    this.#remaining = messages === null || hold
      ? Infinity
      : shareOf(messages, connections, first, first + count);
  }

  /** The warm-up is over: what these connections have sent until now does not count. */
  count(peers: IndexedSet<Peer>): void {
    this.#quotas.set(this.#counted);
    this.#leftOver = 0;
    for (const [slot, messages] of this.#owed) this.#quotas[slot]! += messages.length;
    peers.each(({ state: flow }) => {
      this.#quotas[flow.slot]! += flow.sentMessages;
      flow.left = this.left(flow.slot) - flow.sentMessages;
    });
  }

  /** Messages that count were sent. */
  spent(messages: number): void {
    this.#remaining -= messages;
  }

  /** All messages of the plan were sent. */
  get empty(): boolean {
    return this.#remaining <= 0;
  }

  /** How many messages the next connection may send. */
  left(slot: number): number {
    return Math.min(this.#quotas[slot]!, this.#perConnection);
  }

  /** A connection begins to connect. Returns the number of its first message. */
  begun(slot: number, now: number): number {
    this.account.wanted(slot, now);
    return this.first(slot);
  }

  /** The number of its first message. */
  first(slot: number): number {
    return this.#sent[slot]!;
  }

  /** Whether a connection that has sent so many messages is to make room for another one. */
  wornOut(slot: number, sent: number): boolean {
    return sent === this.#perConnection && this.#quotas[slot]! > sent;
  }

  /** A connection is open; true when the slot had one before. */
  opened(slot: number, now: number): boolean {
    this.account.to(slot, "busy", now, this.#owed.get(slot)?.length ?? 0);
    const before = this.#known[slot] === 1;
    this.#known[slot] = 1;
    return before;
  }

  /** A connection is over, the last of whose messages are to be sent `again`; `inOrder` nothing was lost. */
  closed(flow: Flow, inOrder: boolean, again: readonly SentMessage[]): void {
    const { slot, sentMessages: sent } = flow;
    this.account.closed(flow, inOrder, clock());
    this.#quotas[slot]! -= sent - again.length;
    this.#sent[slot]! += sent - again.length;
    if (again.length > 0) this.#owed.set(slot, again);
  }

  /** Whether the slot's next connection, or any, has messages to send again. */
  owes(slot: number): boolean {
    return this.#owed.has(slot);
  }
  get owing(): boolean {
    return this.#owed.size > 0;
  }

  /** All that are to be sent again. */
  get owed(): Iterable<readonly SentMessage[]> {
    return this.#owed.values();
  }

  /** What a new connection of the slot is to send again: it owes it no more. */
  settle(slot: number): readonly SentMessage[] {
    const messages = this.#owed.get(slot) ?? [];
    this.#owed.delete(slot);
    return messages;
  }

  /** The slot is not wanted any more: it leaves the rest of its messages to others. */
  giveUp(slot: number): void {
    this.account.to(slot, this.#quotas[slot]! > 0 ? "unwanted" : "done", clock());
    if (this.#quotas[slot] === Infinity) return;
    this.#leftOver += Math.max(0, this.#quotas[slot]!);
    this.#quotas[slot] = 0;
  }

  /** The slot is lost: nothing is sent in its place. Returns how many messages were to be sent again. */
  drop(slot: number): number {
    this.account.dropped(slot, clock());
    const owed = this.settle(slot).length;
    if (this.#quotas[slot] !== Infinity) {
      this.#remaining -= Math.max(0, this.#quotas[slot]! - owed);
      this.#quotas[slot] = 0;
    }
    return owed;
  }

  /** Some of what others have left over, for a connection that has sent so many messages; how many. */
  takeOver(slot: number, sent: number, most: number): number {
    const taken = Math.min(most, this.#leftOver, this.#perConnection - sent);
    this.#leftOver -= taken;
    this.#quotas[slot]! += taken;
    return taken;
  }

  /** There are messages that others have left over. */
  get hasLeftOver(): boolean {
    return this.#leftOver > 0;
  }
}
