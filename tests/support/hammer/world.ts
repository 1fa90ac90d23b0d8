// Real connections and a real selector beside the model of them. Every action does a thing to both, and
// `check` asks the selector whether it agrees.
import { Socket, socketPair } from "../../../lib/net/mod.ts";
import type { Selector, SelectorKey, SelectorName } from "../../../lib/selectors/mod.ts";
import { acceptSoon, duplicateAbove, portOf } from "../sockets.ts";
import { End, type Kind, Registered } from "./model.ts";

/** Descriptors of the hammer lie here, where a runtime that opens a file does not get in between. */
const LOWEST = 300;
/** How long what was sent over TCP may be on its way. */
const PATIENCE_MS = 1000;
const KEPT_OPEN = 24;

export class World implements Disposable {
  readonly selector: Selector<number>;
  readonly ends: End[] = [];
  readonly registered = new Map<number, Registered>();
  /** A wakeup() that no wait has consumed yet, and a wake(handle). */
  woken = false;
  pinged = false;
  /** For the report: pairs made, and answers that were complete only later. */
  pairs = 0;
  late = 0;
  readonly #listener: Socket;
  readonly #target: { host: string; port: number; timeoutMs: number };

  /** Pairs of TCP come from `listener`. */
  constructor(selector: Selector<number>, listener: Socket) {
    this.selector = selector;
    this.#listener = listener;
    this.#target = { host: "127.0.0.1", port: portOf(listener), timeoutMs: 2000 };
  }

  get name(): SelectorName {
    return this.selector.name;
  }

  /** Every open descriptor, with its end. */
  get open(): [fd: number, end: End][] {
    return this.ends.flatMap((end) => [...end.fds].map((fd): [number, End] => [fd, end]));
  }

  /** A new pair, unless there are many already. */
  connect(kind: Kind): void {
    if (this.ends.filter((end) => end.fds.size > 0).length >= KEPT_OPEN) return;
    const ends = [new End(kind), new End(kind)] as const;
    ends[0].peer = ends[1];
    ends[1].peer = ends[0];
    const sockets = kind === "unix" ? socketPair() : this.#tcpPair();
    sockets.forEach((socket, i) => {
      this.#own(ends[i]!, duplicateAbove(socket.fileno(), LOWEST).fileno());
      socket.close();
    });
    this.ends.push(...ends);
    this.pairs++;
  }

  #tcpPair(): [Socket, Socket] {
    const client = Socket.connect(this.#target);
    return [client, acceptSoon(this.#listener)];
  }

  /** A number has come to an end, perhaps one that was closed while registered. */
  #own(end: End, fd: number): void {
    end.fds.add(fd);
    const before = this.registered.get(fd);
    if (before) before.fate = "reused";
  }

  duplicate(fd: number, end: End): void {
    if (end.fds.size < 3) this.#own(end, duplicateAbove(fd, LOWEST).fileno());
  }

  /** dup2(2): `number` is closed if it was open, and refers to `end` from now on. */
  give(number: number, fd: number, end: End, dup2: (from: number, to: number) => number): void {
    const [, owner] = this.open.find(([open]) => open === number) ?? [];
    if (dup2(fd, number) !== number) throw new Error(`dup2(${fd}, ${number}) failed`);
    this.#own(end, number);
    if (owner && owner !== end) this.#lost(owner, number, false);
  }

  /** Closes a descriptor, whether it is registered or not. */
  close(fd: number, end: End, reset = false): void {
    const socket = Socket.fromFd(fd);
    if (reset) socket.setLinger(0);
    socket.close();
    const registered = this.registered.get(fd);
    // Once re-used it stays so: a modify() may have made it a watch of its later life.
    if (registered?.fate === "open") registered.fate = "closed";
    this.#lost(end, fd, reset);
  }

  #lost(end: End, fd: number, reset: boolean): void {
    end.fds.delete(fd);
    if (end.fds.size > 0) return;
    end.vanish(reset);
  }

  register(fd: number, end: End, events: number): void {
    this.registered.set(fd, new Registered(this.selector.register(fd, events, fd), end));
  }

  unregister(registered: Registered): void {
    const key = this.selector.unregister(registered.fd);
    expectSame(key, registered.key, `unregister(${registered.fd})`);
    this.registered.delete(registered.fd);
  }

  /**
   * Asks what is ready, and compares. More than there should be is an error at once, since readiness
   * is only ever taken away by calls of this thread. What is missing may be on its way for a moment.
   */
  check(): void {
    if (this.woken) {
      this.woken = this.pinged = false;
      const ready = this.selector.select(0);
      if (ready.length > 0) throw new Error(`select() after wakeup() told of ${show(ready)}`);
    }
    expectSame(this.selector.getMap().size, this.registered.size, "the size of the map");
    const start = performance.now();
    for (let asked = 1;; asked++) {
      const ready = this.selector.select(0);
      this.pinged = false;
      const told = new Map<number, number>();
      for (const [key, events] of ready) {
        this.expectAllowed(key, events);
        // After a modify() of a number that lives again, epoll reports both of its lives.
        if (told.has(key.fd) && this.registered.get(key.fd)!.fate !== "reused") {
          throw new Error(`told twice: ${show(ready)}`);
        }
        told.set(key.fd, events);
      }
      const missing = this.#missing(told);
      if (missing === undefined) return;
      const patience = missing.end.kind === "tcp" ? PATIENCE_MS : 0;
      if (performance.now() - start >= patience) {
        const { must } = missing.forecast(this.name);
        throw new Error(`${this.#describe(missing)} should be ${must}, told: ${show(ready)}`);
      }
      if (asked === 1) this.late++;
    }
  }

  expectAllowed(key: SelectorKey<number>, events: number): void {
    const registered = this.registered.get(key.fd);
    if (!registered) throw new Error(`descriptor ${key.fd} is not registered, but told`);
    expectSame(key, registered.key, `the key of ${key.fd}`);
    const { may } = registered.forecast(this.name);
    if (events === 0 || events & ~may) {
      throw new Error(`${this.#describe(registered)} is told as ${events}, may be ${may}`);
    }
  }

  #missing(told: Map<number, number>): Registered | undefined {
    for (const registered of this.registered.values()) {
      const { must } = registered.forecast(this.name);
      if (must & ~(told.get(registered.fd) ?? 0)) return registered;
    }
  }

  #describe({ fd, fate, end, key }: Registered): string {
    const { kind, inbound, receiveShut, sendShut, error, full } = end;
    const state = { inbound, receiveShut, sendShut, error, full, asked: key.events };
    return `${kind} descriptor ${fd} (${fate}, ${JSON.stringify(state)})`;
  }

  [Symbol.dispose](): void {
    this.selector.close();
    for (const [fd] of this.open) {
      const socket = Socket.fromFd(fd);
      socket.setLinger(0); // no TIME_WAIT for thousands of them
      socket.close();
    }
  }
}

export function expectSame(actual: unknown, wanted: unknown, what: string): void {
  if (actual !== wanted) {
    throw new Error(`${what}: ${JSON.stringify(actual)} is not ${JSON.stringify(wanted)}`);
  }
}

const show = (ready: [SelectorKey<number>, number][]) =>
  ready.map(([key, events]) => `${key.fd}:${events}`).join(" ") || "nothing";
