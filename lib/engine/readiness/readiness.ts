/** The readiness engine: the interface of engine.ts over any selector. */
import type { ConnectOptions, OSError } from "../../net/mod.ts";
import { Socket } from "../../net/mod.ts";
import {
  createSelector,
  EVENT_READ,
  type Selector,
  type SelectorKey,
  type SelectorName,
  type WakeHandle,
  type WatchOptions,
} from "../../selectors/mod.ts";
import { Native } from "../../sys/ffi.ts";
import { Bag } from "../bag.ts";
import { COUNTER, Counters } from "../counters.ts";
import type {
  Connection,
  Engine,
  EngineOptions,
  Handler,
  Listener,
  ListenerOptions,
  Observer,
  Released,
} from "../engine.ts";
import { StreamListener } from "./listener.ts";
import { Stream } from "./stream.ts";
import { type Timer, Timers } from "../timers.ts";

const RECEIVE_BYTES = 64 * 1024;
/** Views of lent bytes are kept up to this length: a new view costs more than the work on it. */
const KEPT_VIEWS = 4096;

/** Something registered with the selector, as the key's data. */
export interface Source {
  /** With the portable bits, and with the system's own. */
  ready(events: number, raw: number): void;
}

/** The loop over a selector. Members that are not in `Engine` are for its streams and listeners. */
export class ReadinessEngine implements Engine {
  readonly poller: Selector<Source>;
  readonly counters: Counters;
  readonly slots: Float64Array;
  readonly receiveBytes: number;
  readonly buffer: Native;
  readonly observer: Observer | undefined;
  /** How connections are watched that are told of once. */
  readonly edge: WatchOptions | undefined;
  readonly wakeHandle: WakeHandle;

  /** 0 until somebody asks in this turn. */
  #now = 0;
  #closed = false;
  readonly #timers = new Timers();
  readonly #streams = new Bag<Stream<any>>({
    get: (stream) => stream.place,
    set: (stream, place) => stream.place = place,
  });
  readonly #listeners = new Set<StreamListener<any>>();
  readonly #views: Uint8Array[] = [];
  #farewells: (() => void)[] = [];

  constructor(options: EngineOptions = {}) {
    this.poller = createSelector<Source>(options.selector ?? "auto");
    this.counters = options.counters ?? new Counters();
    this.slots = this.counters.slots;
    this.receiveBytes = options.receiveBytes ?? RECEIVE_BYTES;
    this.buffer = new Native(this.receiveBytes);
    this.observer = options.observer;
    const edge = options.edge && !this.observer && this.poller.name === "epoll";
    this.edge = edge ? { edge } : undefined;
    this.wakeHandle = this.poller.wakeHandle();
  }

  get selector(): SelectorName {
    return this.poller.name;
  }

  get now(): number {
    return this.#now ||= performance.now();
  }

  get active(): number {
    return this.#streams.size;
  }

  listen<S>(socket: Socket, options: ListenerOptions<S>): Listener {
    const listener = new StreamListener(this, socket, options);
    this.#listeners.add(listener);
    return listener;
  }

  connect<S>(options: ConnectOptions, handler: Handler<S>, state: S): Connection<S> {
    if (this.#closed) throw new Error("Cannot connect: the engine is closed");
    let socket: Socket;
    try {
      socket = Socket.connect(options);
      socket.setNoDelay(true);
    } catch (error) {
      if ((error as OSError).errno === undefined) throw error; // wrong arguments
      this.counters.countError((error as OSError).errno);
      const failed = new Stream(this, Socket.fromFd(-1), handler, state, true);
      this.#farewells.push(() => handler.close(failed, error as OSError));
      return failed;
    }
    const stream = new Stream(this, socket, handler, state, true);
    this.begin(stream);
    return stream;
  }

  /** Takes a new stream in; returns why it can't be watched, if so. Its `close` follows then. */
  begin(stream: Stream<any>): OSError | undefined {
    this.#add(stream);
    return stream.start();
  }

  #add(stream: Stream<any>): void {
    this.#streams.add(stream);
    this.slots[COUNTER.active]!++;
  }

  release(connection: Connection<any>): Released {
    const stream = connection as Stream<any>;
    const released = stream.release();
    this.#streams.delete(stream);
    this.slots[COUNTER.active]!--;
    return released;
  }

  adopt<S>(
    { fd, bytes, waits }: Released,
    handler: Handler<S>,
    state: S,
  ): Connection<S> {
    if (this.#closed) throw new Error("Cannot adopt a connection: the engine is closed");
    const stream = new Stream(this, Socket.fromFd(fd), handler, state, false);
    this.#add(stream);
    stream.startWith(bytes, waits);
    return stream;
  }

  watch(fd: number, callback: () => void): { close(): void } {
    this.poller.register(fd, EVENT_READ, { ready: callback });
    return { close: () => void this.poller.unregister(fd) };
  }

  /** Calls back at the end of this turn, or of the next one, which then does not wait. */
  defer(callback: () => void): void {
    this.#farewells.push(callback);
  }

  /** A stream has closed its descriptor: says farewell to its handler at the end of the turn. */
  retired(stream: Stream<any>, farewell: () => void): void {
    this.#streams.delete(stream);
    this.slots[COUNTER.active]!--;
    this.slots[COUNTER.closed]!++;
    this.#farewells.push(farewell);
    for (const listener of this.#listeners) listener.resume();
  }

  forget(listener: StreamListener<any>): void {
    this.#listeners.delete(listener);
  }

  /** The first `length` bytes of the receive buffer. */
  lend(length: number): Uint8Array {
    if (length > KEPT_VIEWS) return this.buffer.bytes.subarray(0, length);
    return this.#views[length] ??= this.buffer.bytes.subarray(0, length);
  }

  after(ms: number, callback: () => void): Timer {
    return this.#timers.at(performance.now() + ms, callback);
  }

  turn(): void {
    const next = this.#timers.next;
    const pending = this.#farewells.length > 0;
    const timeout = pending ? 0 : next === Infinity ? undefined : next - performance.now();
    this.#now = 0; // unknown until the wait is over
    const events = this.observer
      ? this.#observedTurn(this.observer, timeout)
      : this.poller.dispatch(timeout, this.#ready);
    this.slots[COUNTER.wakeups]!++;
    this.slots[COUNTER.events]! += events;
    if (next !== Infinity) {
      this.#now = performance.now();
      if (next <= this.#now) this.#timers.run(this.#now);
    }
    if (this.#farewells.length > 0) this.#sayFarewells();
  }

  readonly #ready = (key: SelectorKey<Source>, events: number, raw: number): void =>
    key.data.ready(events, raw);

  #observedTurn(observer: Observer, timeout: number | undefined): number {
    observer.waiting(this.poller.getMap().size);
    const ready = this.poller.select(timeout);
    observer.ready(ready.length);
    const map = this.poller.getMap();
    for (const [key, events] of ready) {
      if (map.get(key.fd)?.data === key.data) key.data.ready(events, 0);
    }
    return ready.length;
  }

  #sayFarewells(): void {
    const farewells = this.#farewells;
    this.#farewells = [];
    for (const farewell of farewells) farewell();
  }

  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener.close();
    this.#streams.each((stream) => stream.close());
    while (this.#farewells.length > 0) this.#sayFarewells();
    this.poller.close();
  }
}

/** Creates the engine for this thread. */
export const createEngine = (options: EngineOptions = {}): Engine => new ReadinessEngine(options);
