/** What both engines share: counters, timers, deferred calls, and the tables of connections and listeners. */
import type { OSError } from "../net/mod.ts";
import { Native } from "../sys/ffi.ts";
import { COUNTER, Counters } from "./counters.ts";
import type { EngineOptions, Observer } from "./engine.ts";
import { type Timer, Timers } from "./timers.ts";

const RECEIVE_BYTES = 64 * 1024;
/** Views of lent bytes are kept up to this length: a new view costs more than the work on it. */
const KEPT_VIEWS = 4096;

/**
 * The thread was held up when a timer is so late (a process that was stopped, a machine that was suspended):
 * it waits for the next turn, as what has happened meanwhile comes first.
 */
const LATE_MS = 5;

/** A connection as the core knows it. */
export interface Closable {
  close(): void;
}

/** A listener as the core knows it. */
export interface Accepting {
  /** Goes on accepting, if it has stopped for want of descriptors. */
  resume(): void;
  close(): void;
}

/** The part of an engine that does not depend on how it waits. */
export abstract class EngineCore {
  readonly counters: Counters;
  /** The counters, by COUNTER. */
  readonly slots: Float64Array;
  readonly observer: Observer | undefined;
  /** The most that is received at once. */
  readonly receiveBytes: number;
  /** Where that is received to. */
  readonly buffer: Native;
  readonly views: Views;
  /** A connection with so much queued is not received from, until no more than a half of it is left. */
  readonly highWater: number;
  /** By descriptor: an index of their own would be a field of each. */
  readonly #connections: (Closable | undefined)[] = [];
  /** How many connections there are. */
  active = 0;
  readonly listeners: Set<Accepting> = new Set();
  closed = false;
  /** 0 until it is asked for in this turn. */
  #now = 0;
  readonly #timers = new Timers();
  /** When the turn began that runs, if there was a timer. */
  #begun = 0;
  #deferred: (() => void)[] = [];

  constructor(options: EngineOptions) {
    this.counters = options.counters ?? new Counters();
    this.slots = this.counters.slots;
    this.observer = options.observer;
    this.receiveBytes = options.receiveBytes ?? RECEIVE_BYTES;
    this.buffer = new Native(this.receiveBytes);
    this.views = new Views(this.buffer.bytes);
    this.highWater = (options.maxQueued ?? Infinity) / 2;
  }

  /** Waits, and lets what has happened act. Returns how many events there were. */
  abstract wait(timeoutMs: number | undefined): number;

  get now(): number {
    return this.#now ||= performance.now();
  }

  after(ms: number, callback: () => void): Timer {
    return this.#timers.at(performance.now() + ms, callback);
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** How long the turn that begins may wait, in milliseconds; undefined for as long as it takes. */
  beginTurn(): number | undefined {
    this.#now = 0; // unknown until the wait is over
    const { next } = this.#timers;
    if (next !== Infinity) this.#begun = performance.now();
    if (this.#deferred.length > 0) return 0;
    return next === Infinity ? undefined : next - this.#begun;
  }

  /** Counts a turn's events, and calls timers that are due and what was deferred. */
  endTurn(events: number): void {
    this.slots[COUNTER.wakeups]!++;
    this.slots[COUNTER.events]! += events;
    const { next } = this.#timers;
    if (next !== Infinity) {
      this.#now = performance.now();
      const isOverlooked = next > this.#begun && next < this.#now - LATE_MS;
      if (next <= this.#now && !isOverlooked) this.#timers.run(this.#now);
    }
    if (this.#deferred.length > 0) this.#runDeferred();
  }

  #runDeferred(): void {
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const callback of deferred) callback();
  }

  /** The connection of a descriptor, which is active from now on. */
  add(fd: number, connection: Closable): void {
    this.#connections[fd] = connection;
    this.active++;
    this.slots[COUNTER.active]!++;
  }

  /** It is given up, and not closed. */
  remove(fd: number): void {
    this.#connections[fd] = undefined;
    this.active--;
    this.slots[COUNTER.active]!--;
  }

  /** It is over; `last` calls its handler's `close` at the end of the turn. */
  retire(fd: number, last: () => void): void {
    this.remove(fd);
    this.slots[COUNTER.closed]!++;
    this.#deferred.push(last);
    for (const listener of this.listeners) listener.resume();
  }

  /** Counts a failure, whose connection is over with it. */
  count(error: OSError): void {
    this.counters.countError(error.errno);
  }

  /** Closes all listeners and connections, and calls their handlers' `close`. */
  close(): void {
    this.closed = true;
    for (const listener of this.listeners) listener.close();
    for (const connection of this.#connections) connection?.close();
    while (this.#deferred.length > 0) this.#runDeferred();
  }
}

/** Views of a buffer from its start, each made once. */
export class Views {
  readonly #bytes: Uint8Array;
  readonly #views: Uint8Array[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The first `length` bytes. */
  first(length: number): Uint8Array {
    if (length > KEPT_VIEWS) return this.#bytes.subarray(0, length);
    return this.#views[length] ??= this.#bytes.subarray(0, length);
  }
}
