/**
 * An open loop: messages leave on a schedule, whatever the replies do. A message that can't leave in time
 * leaves as soon as it can, and its latency counts from when it was due; so a target that stalls can't
 * hide it ("coordinated omission", Gil Tene).
 */
import { now as clock } from "../../../sys/clock.ts";
import { type Peer, roomOn } from "../connections/flow.ts";
import type { Outlet, Pump } from "./pump.ts";
import type { Recorder } from "../../../result/recorder.ts";
import type { Schedule } from "../../plan/schedule.ts";

/** System calls between two looks at what has been received. */
const MAX_SENDS = 512;
/** A connection that has this much unsent gets no more until the peer takes it, in bytes. */
const MAX_QUEUED = 1 << 20;

/** How late messages leave: all in all, and after there was a connection with room for them. */
export interface Lags {
  readonly lag: Recorder;
  /** What only the generator is to blame for. */
  readonly ownLag: Recorder;
  /** How long messages have waited to leave together with others, all in all, in milliseconds. */
  held: number;
}

/** Sends on schedule, on the connections in turn. */
export class OpenLoop implements Pump {
  readonly #outlet: Outlet;
  readonly #schedule: Schedule;
  readonly #lags: Lags;
  readonly #pipeline: number;
  readonly #messages: number;
  readonly #togetherMs: number;
  /** Messages of the schedule that are sent; those of the plan begin after the warm-up. */
  #most = Infinity;
  /** Connections that have room for a message. */
  readonly #open: Peer[] = [];
  /** Since when there is one: what was due before that has waited for the target. */
  #roomSince = 0;
  #turn = 0;
  #startedAt = Infinity;
  /** What was due earlier belongs to the warm-up. */
  #countFrom = Infinity;
  #next = 0;
  /** What is due before this waits for it. */
  #heldUntil = -Infinity;
  /** With ticks: the first message of a later one, and how many of this one's each connection takes. */
  #batchEnd = 0;
  #each = 1;
  #timed = false;
  #stopping = false;

  /**
   * `lags` record how late each message leaves. Messages in flight per connection are limited by
   * `pipeline`, those of the thread that count by `messages`. One that has others due up to
   * `togetherMs` after it waits for them.
   */
  constructor(
    outlet: Outlet,
    schedule: Schedule,
    lags: Lags,
    { pipeline, messages, togetherMs }: {
      pipeline: number;
      messages: number;
      togetherMs: number;
    },
  ) {
    this.#togetherMs = togetherMs;
    this.#outlet = outlet;
    this.#schedule = schedule;
    this.#lags = lags;
    this.#pipeline = pipeline;
    this.#messages = messages;
  }

  count(now: number, end: number): void {
    this.#countFrom = now;
    // In a run without a warm-up the schedule starts now.
    const start = Math.min(this.#startedAt, now);
    const warmedUp = this.dueBefore(now);
    // What the target had no room for in the warm-up would leave in front of what counts.
    this.#next = Math.max(this.#next, warmedUp);
    this.#most = warmedUp + this.#messages;
    if (end < Infinity) this.#most = Math.min(this.#most, this.#schedule.dueBefore(end - start));
  }

  start(now: number): void {
    this.#startedAt = now;
    this.#send();
  }

  stop(): void {
    this.#stopping = true;
  }

  ready(peer: Peer, now: number): void {
    const flow = peer.state;
    if (this.#stopping || flow.left <= 0 || this.#next >= this.#most) {
      if (flow.inFlight === 0 && this.#startedAt < Infinity) this.#outlet.exhausted(peer);
      return;
    }
    const waiting = this.#open.length === 0;
    this.#keep(peer);
    if (!waiting || this.#open.length === 0) return;
    this.#roomSince = now;
    this.#send();
  }

  gone(peer: Peer): void {
    this.#drop(peer);
  }

  dueBefore(now: number): number {
    return Math.min(this.#schedule.dueBefore(now - this.#startedAt), this.#most);
  }

  unsent(now: number): number {
    return Math.max(0, this.dueBefore(now) - this.#next);
  }

  /** How many messages a connection can take; it is one of `#open` if that is any, and else not. */
  #keep(peer: Peer): number {
    const flow = peer.state;
    const room = peer.queued < MAX_QUEUED ? roomOn(peer, this.#pipeline) : 0;
    if (room === 0) this.#drop(peer);
    else if (flow.position === -1) flow.position = this.#open.push(peer) - 1;
    return room;
  }

  #drop(peer: Peer): void {
    const { position } = peer.state;
    if (position === -1) return;
    peer.state.position = -1;
    const last = this.#open.pop()!;
    if (last === peer) return;
    this.#open[position] = last;
    last.state.position = position;
  }

  /** Sends all that is due, and comes back when the next message is. */
  #send(): void {
    for (let sends = 0; sends < MAX_SENDS; sends++) {
      if (this.#stopping || this.#next >= this.#most) return this.#end();
      const { length } = this.#open;
      if (length === 0 || this.#startedAt === Infinity) return; // `ready` goes on
      const due = this.#startedAt + this.#schedule.timeOf(this.#next);
      const now = clock();
      if (due > now) {
        this.#heldUntil = this.#lastWith(due);
        return this.#wait(this.#heldUntil - now);
      }
      const peer = this.#open[this.#turn++ % length]!;
      const room = this.#keep(peer); // it may have been closed or spoilt since
      if (room === 0) continue;
      const count = this.#batch(due, room);
      this.#next += count;
      for (let i = 0; i < count && due >= this.#countFrom; i++) {
        this.#lags.lag.record(now - due);
        this.#lags.ownLag.record(now - Math.max(due, this.#roomSince));
        if (due < this.#heldUntil) this.#lags.held += Math.min(now, this.#heldUntil) - due;
      }
      this.#outlet.send(peer, count, now, due);
      this.#keep(peer);
    }
    this.#wait(0);
  }

  /** When the last of the messages is due that leave together with the next one. */
  #lastWith(due: number): number {
    if (this.#togetherMs === 0) return due;
    // A message of its own, too, when rounding says that there is none.
    const last = Math.max(this.dueBefore(due + this.#togetherMs) - 1, this.#next);
    return this.#startedAt + this.#schedule.timeOf(last);
  }

  /** How many of the messages that are due at the same time a connection takes, in one write. */
  #batch(due: number, room: number): number {
    const { tickMs } = this.#schedule;
    if (tickMs === 0) return 1;
    if (this.#next >= this.#batchEnd) {
      this.#batchEnd = this.dueBefore(due + tickMs / 2);
      this.#each = Math.ceil((this.#batchEnd - this.#next) / this.#open.length);
    }
    const rest = this.#batchEnd - this.#next;
    return Math.max(1, Math.min(this.#each, rest, room));
  }

  #wait(ms: number): void {
    if (this.#timed || ms === Infinity) return;
    this.#timed = true;
    this.#outlet.engine.after(ms, () => {
      this.#timed = false;
      this.#send();
    });
  }

  /** No more messages: connections that wait for nothing are done. */
  #end(): void {
    for (const peer of this.#open.splice(0)) {
      peer.state.position = -1;
      if (peer.state.inFlight === 0) this.#outlet.exhausted(peer);
    }
  }
}
