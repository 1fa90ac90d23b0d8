// A handler that writes down what an engine calls, and turning an engine until something holds.
import { afterEach, expect } from "bun:test";
import {
  type Connection,
  createEngine,
  type Engine,
  type EngineName,
  type EngineOptions,
  type Handler,
  type Listener,
  type ListenerOptions,
} from "../../lib/engine/mod.ts";
import { type OSError, Socket } from "../../lib/net/mod.ts";
import { portOf } from "./sockets.ts";

/** Makes an engine over the selector under test. */
export type CreateEngine = (options?: EngineOptions) => Engine;

/** As `createEngine`, of the kind that IOMUX_TEST_ENGINE names; see tests/support/cli.ts. */
export const createTestEngine: CreateEngine = (options: EngineOptions = {}): Engine =>
  createEngine({ engine: process.env.IOMUX_TEST_ENGINE as EngineName | undefined, ...options });

type Name = "open" | "data" | "writable" | "end" | "close";
type Hooks = {
  [N in Name]?: (connection: Connection<string>, argument: any) => void;
};

/** Records calls, and checks while it does so that they come in the promised order. */
export class Recorder implements Handler<string> {
  /** Of all connections, as "open A", "data A 5", "close A ECONNRESET". */
  readonly calls: string[] = [];
  readonly errors = new Map<string, OSError | null>();
  readonly hooks: Hooks;
  readonly #received = new Map<string, Uint8Array[]>();
  readonly #stage = new Map<Connection<string>, "open" | "ended" | "closed">();
  #inside: Connection<string> | undefined;

  /** All that were opened and are not closed. */
  get connections(): Connection<string>[] {
    return [...this.#stage].filter(([, stage]) => stage !== "closed").map(([c]) => c);
  }

  constructor(hooks: Hooks = {}) {
    this.hooks = hooks;
  }

  open(connection: Connection<string>): void {
    expect(this.#stage.get(connection)).toBe(undefined);
    this.#stage.set(connection, "open");
    this.#call("open", connection);
  }
  data(connection: Connection<string>, bytes: Uint8Array): void {
    expect(this.#stage.get(connection)).toBe("open");
    expect(bytes.length).toBeGreaterThan(0);
    const { state } = connection;
    if (!this.#received.has(state)) this.#received.set(state, []);
    this.#received.get(state)!.push(bytes.slice()); // lent: a copy
    this.#call("data", connection, bytes, ` ${bytes.length}`);
  }
  writable(connection: Connection<string>): void {
    expect(["open", "ended"].includes(this.#stage.get(connection)!)).toBe(true);
    this.#call("writable", connection);
  }
  end(connection: Connection<string>): void {
    expect(this.#stage.get(connection)).toBe("open");
    this.#stage.set(connection, "ended");
    this.#call("end", connection);
  }
  close(connection: Connection<string>, error: OSError | null): void {
    expect(this.#stage.get(connection)).not.toBe("closed");
    expect(this.#inside).toBe(undefined); // not from within another call
    this.#stage.set(connection, "closed");
    this.errors.set(connection.state, error);
    this.#call("close", connection, error, error ? ` ${error.code}` : "");
  }

  #call(name: Name, connection: Connection<string>, argument?: unknown, shown = ""): void {
    this.calls.push(`${name} ${connection.state}${shown}`);
    this.#inside = connection;
    this.hooks[name]?.(connection, argument);
    this.#inside = undefined;
  }

  /** The calls for one connection by name only: "open data end close". */
  of(state: string): string {
    return this.calls.filter((call) => call.split(" ")[1] === state)
      .map((call) => call.split(" ")[0]).join(" ");
  }
  /** How often something was called. */
  count(name: Name, state?: string): number {
    return this.calls.filter((call) =>
      call.startsWith(name + " ") && (state === undefined || call.split(" ")[1] === state)
    ).length;
  }
  /** All bytes that a connection received. */
  received(state: string): Uint8Array {
    return Buffer.concat(this.#received.get(state) ?? []);
  }
  /** How many those are. */
  receivedCount(state: string): number {
    return (this.#received.get(state) ?? []).reduce((sum, bytes) => sum + bytes.length, 0);
  }
}

/** Turns the engine until the condition holds; fails when it does not within the time. */
export function turnUntil(engine: Engine, condition: () => boolean, withinMs = 20_000): void {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) expect("the condition").toBe(`true within ${withinMs} ms`);
    turnBriefly(engine);
  }
}

/** One turn that waits for at most some milliseconds. */
export function turnBriefly(engine: Engine, ms = 10): void {
  const timer = engine.after(ms, () => {});
  engine.turn();
  timer.cancel();
}

/** Turns the engine for a while, to see that something does not happen. */
export function turnFor(engine: Engine, ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;) turnBriefly(engine, 5);
}

/** Engines, listeners and peers of one `describe`, all closed after each test. */
export interface Bench {
  engine(options?: EngineOptions): Engine;
  /** Listens on the loopback; the states of connections are A, B, C in order. */
  listen(
    engine: Engine,
    handler: Handler<string>,
    more?: Pick<ListenerOptions<string>, "admit" | "deny" | "named" | "paused" | "refused">,
  ): { port: number; listener: Listener; socket: Socket };
  /** A connected peer of a port. */
  dial(port: number): Socket;
  /** An engine's connection and its peer, already open. */
  connected(
    engine: Engine,
    recorder: Recorder,
  ): { peer: Socket; connection: Connection<string> };
  keep<T extends Disposable>(item: T): T;
}

export function engineBench(create: CreateEngine): Bench {
  const owned: Disposable[] = [];
  afterEach(() => {
    for (const item of owned.splice(0).reverse()) item[Symbol.dispose]();
  });
  const keep = <T extends Disposable>(item: T): T => {
    owned.push(item);
    return item;
  };
  const bench: Bench = {
    keep,
    engine(options) {
      const engine = create(options);
      keep({ [Symbol.dispose]: () => engine.close() });
      return engine;
    },
    listen(engine, handler, more = {}) {
      const socket = Socket.listen({ host: "127.0.0.1" });
      const port = portOf(socket);
      let letter = 65;
      const state = () => String.fromCharCode(letter++);
      return { port, socket, listener: engine.listen(socket, { handler, state, ...more }) };
    },
    dial: (port) => keep(Socket.connect({ host: "127.0.0.1", port, timeoutMs: 5000 })),
    connected(engine, recorder) {
      let connection: Connection<string> | undefined;
      const opened = recorder.hooks.open;
      recorder.hooks.open = (c, argument) => {
        connection = c;
        opened?.(c, argument);
      };
      const { port, listener } = bench.listen(engine, recorder);
      const peer = bench.dial(port);
      turnUntil(engine, () => connection !== undefined);
      listener.close();
      return { peer, connection: connection! };
    },
  };
  return bench;
}

/** Bytes in which every place differs from its neighbours, so that loss and reordering show. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  let x = seed;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) | 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

/** Equality of bytes that does not print megabytes when it fails. */
export function expectSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  expect(`first difference at ${at}`).toBe("none");
}
