/** What becomes of the bytes that connections receive: answers, mismatches, evidence. */
import type { Engine } from "../../engine/mod.ts";
import { now as clock } from "../../sys/clock.ts";
import type { Account } from "./connections/account.ts";
import type { Flow, Peer, SentMessage } from "./connections/flow.ts";
import type { SlowConnections } from "./connections/slowest.ts";
import { PATIENCE_MS } from "./patience.ts";
import type { Pump } from "./pumps/pump.ts";
import type { Tally } from "./tally.ts";

const UNCLEAN = -1;

export interface ReceiverParts {
  readonly engine: Engine;
  readonly tally: Tally;
  readonly slow: SlowConnections;
  readonly pump: Pump;
  readonly account: Account;
  readonly scheduled: boolean;
  /** The number of the first slot's connection, over all threads. */
  readonly first: number;
  readonly count: number;
  /** Ends a connection in order. */
  readonly leave: (peer: Peer) => void;
}

/** The receiving side of a thread's load. */
export class Receiver {
  readonly #parts: ReceiverParts;
  /** When the latest reply came, or the latest message left where no replies are awaited. */
  lastReply = 0;
  /** Messages that are due earlier do not count: they belong to the warm-up. */
  countFrom = Infinity;
  /** For how long those have waited, in milliseconds, that had no answer yet when the run was over. */
  readonly cutOffMs: number[] = [];
  /** For each slot: when the latest reply was verified; 0 where that does not count, UNCLEAN where it was an error. */
  readonly #verifiedAt: Float64Array;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#verifiedAt = new Float64Array(parts.count);
  }

  take(peer: Peer, bytes: Uint8Array): void {
    const { pump, engine, leave, tally } = this.#parts;
    const flow = peer.state;
    const now = clock();
    const { replies } = flow;
    const early = this.#awaitsEarlier(flow);
    let counted = 0;
    let complete = replies.take(bytes, flow.sentMessages);
    // What comes behind the last reply spoils it: a message is never both verified and mismatched.
    if (replies.broken && complete > 0 && complete === flow.inFlight) complete--;
    for (let i = 0; i < complete; i++) {
      if (early && !this.#awaitsEarlier(flow)) counted += replies.lengthOf(i, complete);
      this.#answered(peer, now, replies.refusal?.(i) ?? 0);
    }
    if (early) {
      if (flow.inFlight > 0 && !this.#awaitsEarlier(flow)) counted += replies.unmatched;
      tally.uncountedIn(bytes.length - counted);
    }
    this.lastReply = now;
    if (!replies.broken) {
      return replies.closing && complete > 0 ? leave(peer) : pump.ready(peer, now);
    }
    if (flow.sentMessages === 0) return; // wrong or not, it is of the first reply, as a greeting is
    const isFirst = !flow.mismatched;
    if (isFirst) this.#countMismatch(flow);
    if (replies.conclusive) this.conclude(peer);
    else if (isFirst) engine.after(PATIENCE_MS, () => this.conclude(peer));
  }

  /** The next reply is to a message of the warm-up. */
  #awaitsEarlier(flow: Flow): boolean {
    return flow.inFlight > 0 && flow.oldestDueAt < this.countFrom;
  }

  #answered(peer: Peer, now: number, refusal: number): void {
    const { tally, slow, scheduled, first, account } = this.#parts;
    const flow = peer.state;
    const dueAt = flow.oldestDueAt;
    this.#verifiedAt[flow.slot] = refusal !== 0 ? UNCLEAN : dueAt >= this.countFrom ? now : 0;
    if (refusal !== 0) {
      tally.mismatched(refusal);
      account.reply("wrong", flow.oldestSentAt, now);
    } else if (dueAt >= this.countFrom) {
      const latency = now - flow.oldestSentAt;
      tally.latency.record(latency);
      slow.note(peer, first + flow.slot, latency);
      if (scheduled) tally.corrected.record(now - dueAt);
      tally.verified();
    } else account.reply("edge", flow.oldestSentAt, now);
    flow.answered();
  }

  ended(peer: Peer): void {
    const flow = peer.state;
    const { replies, sentMessages } = flow;
    if ((replies.finish?.(sentMessages) ?? 0) > 0) {
      this.#answered(peer, this.lastReply = clock(), replies.refusal?.(0) ?? 0);
      flow.leaving = true;
      flow.progressAt = this.lastReply;
    }
    if (replies.broken) this.conclude(peer);
    else if (replies.partial) {
      // Between messages it would be a peer that left, and not a stream that is wrong.
      this.#countMismatch(flow);
      this.#parts.tally.firstMismatch ??= replies.truncation(sentMessages);
    }
  }

  /** Messages of a connection without an answer are waited for no longer. */
  cutOff(flow: Flow): void {
    this.cutOffAll(flow.unanswered.slice(flow.inFlight - missingOf(flow)));
  }
  cutOffAll(messages: readonly SentMessage[]): void {
    const now = clock();
    for (const { sentAt, dueAt } of messages) {
      if (dueAt >= this.countFrom) this.cutOffMs.push(now - sentAt);
    }
  }

  #countMismatch(flow: Flow): void {
    const { tally, account } = this.#parts;
    const now = clock();
    flow.mismatched = true;
    if (flow.inFlight > 0) {
      account.reply("wrong", flow.oldestSentAt, now);
      tally.mismatched();
    } else this.#spoil(flow);
    account.to(flow.slot, "evidence", now);
  }

  /** Something came behind the last reply, which had been taken for good: it is the one that is wrong. */
  #spoil(flow: Flow): void {
    const { tally, account, scheduled } = this.#parts;
    const { slot, receivedMessages, oldestSentAt, oldestDueAt } = flow;
    const verifiedAt = receivedMessages > 0 ? this.#verifiedAt[slot]! : 0;
    if (verifiedAt !== UNCLEAN) tally.mismatched(); // an error counts once
    if (receivedMessages > 0) flow.receivedMessages--; // it has no answer any more
    if (verifiedAt <= 0) return;
    const inTime = account.reply("wrong", oldestSentAt, verifiedAt);
    const corrected = scheduled ? verifiedAt - oldestDueAt : null;
    tally.spoilt(verifiedAt, verifiedAt - oldestSentAt, corrected, inTime);
  }

  /** Enough evidence, or no more is coming: what kind of mismatch was it? Closes the connection. */
  conclude(peer: Peer): void {
    const flow = peer.state;
    if (flow.concluded) return;
    flow.concluded = true;
    if (!flow.mismatched) this.#countMismatch(flow); // its first message was never sent
    this.#parts.tally.firstMismatch ??= flow.replies.mismatch(flow.sentMessages);
    peer.close();
  }
}

/** Messages without an answer that are not counted as mismatched or timed out already. */
export const missingOf = (flow: Flow): number =>
  flow.timedOut ? 0 : Math.max(0, flow.inFlight - (flow.mismatched ? 1 : 0));
