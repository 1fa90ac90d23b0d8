// The load's side of a soak: connections on an engine of their own, every byte of which is verified.
import {
  type Connection,
  COUNTER,
  createEngine,
  type Engine,
  type EngineName,
  type Handler,
} from "../../lib/engine/mod.ts";
import type { OSError } from "../../lib/net/mod.ts";
import { Random } from "../../lib/serve/faults/options.ts";
import { Oracle } from "../../lib/stress/traffic/oracle.ts";
import { Verifier } from "../../lib/stress/traffic/verifier.ts";

/** How a scenario's clients behave. What a role does not have, it does not care about. */
export interface Role {
  /** It reads when it likes, and how long that takes says nothing. */
  readonly lazy?: boolean;
  opened?(peer: Peer): void;
  /** Bytes came, and were right. */
  received?(peer: Peer): void;
  /** What was queued has gone. */
  writable?(peer: Peer): void;
  /** The server's FIN; without it, that everything was answered is checked, and our side closed. */
  ended?(peer: Peer): void;
  /** It failed: whether that was to be expected. */
  failed?(peer: Peer, error: OSError): boolean;
}

/** One connection. */
export class Client {
  readonly index: number;
  readonly role: Role;
  readonly verifier: Verifier;
  sent = 0;
  /** When it began to wait for an answer. */
  waitingSince = 0;
  opened = false;
  readonly since: number = performance.now();
  /** All that was to be done is done; what closes it now is in order. */
  done = false;

  constructor(index: number, role: Role, verifier: Verifier) {
    this.index = index;
    this.role = role;
    this.verifier = verifier;
  }

  /** Every byte that was sent has come back. */
  get answered(): boolean {
    return this.verifier.offset === this.sent;
  }
}

export type Peer = Connection<Client>;

/** What the load saw; the server's own counters must agree. */
export interface Seen {
  dialled: number;
  opened: number;
  failed: number;
  /** Connections that ended before everything was answered. */
  lost: number;
  /** Connections on which wrong bytes came. */
  wrong: number;
  first_wrong: unknown;
  /** Connections that we have reset on purpose. */
  resets: number;
  /** Connections that the server has cut on purpose, where and as it should. */
  cuts: number;
  /** Of these, such as sent on for longer than the server listens, and so could not read to the end. */
  late: number;
  messages: number;
  slowest_ms: number;
  bytes_sent: number;
  bytes_received: number;
  errors: Record<string, number>;
  seconds: number;
}

/** Dials, sends, verifies, counts. */
export class Driver implements Handler<Client> {
  readonly engine: Engine;
  readonly seed: number;
  readonly random: Random;
  readonly peers = new Set<Peer>();
  readonly seen: Seen = {
    ...{ dialled: 0, opened: 0, failed: 0, lost: 0, wrong: 0, first_wrong: null, resets: 0 },
    ...{
      cuts: 0,
      late: 0,
      messages: 0,
      slowest_ms: 0,
      bytes_sent: 0,
      bytes_received: 0,
      errors: {},
    },
    seconds: 0,
  };
  readonly #port: number;
  readonly #oracle: Oracle;

  /** At most so many connections, all told. */
  constructor(engine: EngineName, port: number, seed: number, connections: number) {
    this.engine = createEngine({ engine });
    this.#port = port;
    this.seed = seed;
    this.random = new Random(seed, -2);
    this.#oracle = new Oracle(seed, connections);
  }

  /** A whole number from `from` to `to`. */
  between(from: number, to: number): number {
    return from + Math.floor(this.random.next() * (to - from + 1));
  }

  dial(role: Role): Peer {
    const index = this.seen.dialled++;
    const client = new Client(index, role, new Verifier(this.#oracle, index));
    const peer = this.engine.connect({ host: "127.0.0.1", port: this.#port }, this, client);
    this.peers.add(peer);
    return peer;
  }

  /** Sends the next bytes of the connection's stream. */
  send(peer: Peer, length: number): void {
    if (peer.closed) return;
    const client = peer.state;
    const bytes = this.#oracle.sent(client.index, client.sent, length);
    client.sent += length;
    client.waitingSince = performance.now();
    this.seen.messages++;
    peer.send(bytes);
  }

  /** Resets on purpose. */
  reset(peer: Peer): void {
    if (peer.closed) return;
    peer.state.done = true;
    this.seen.resets++;
    peer.reset();
  }

  open(peer: Peer): void {
    peer.state.opened = true;
    this.seen.opened++;
    peer.state.role.opened?.(peer);
  }

  data(peer: Peer, bytes: Uint8Array): void {
    const client = peer.state;
    if (client.verifier.take(bytes, client.sent) < bytes.length) {
      this.seen.wrong++;
      this.seen.first_wrong ??= client.verifier.mismatch(client.sent);
      client.done = true;
      return peer.close();
    }
    if (client.answered && !client.role.lazy) {
      const waited = performance.now() - client.waitingSince;
      if (waited > this.seen.slowest_ms) this.seen.slowest_ms = waited;
    }
    client.role.received?.(peer);
  }

  writable(peer: Peer): void {
    peer.state.role.writable?.(peer);
  }

  end(peer: Peer): void {
    const { role, answered } = peer.state;
    if (role.ended) return role.ended(peer);
    peer.state.done = answered;
    peer.close();
  }

  close(peer: Peer, error: OSError | null): void {
    const { errors } = this.seen;
    this.peers.delete(peer);
    if (error) errors[error.code] = (errors[error.code] ?? 0) + 1;
    const { opened, done, role } = peer.state;
    if (!opened) this.seen.failed++;
    else if (!done && !(error && role.failed?.(peer, error))) this.seen.lost++;
  }

  /** Turns until the condition holds or the time has passed; returns whether it holds. */
  until(condition: () => boolean, seconds: number): boolean {
    const deadline = performance.now() + seconds * 1000;
    let looking = true;
    const look = () => void (looking && this.engine.after(20, look));
    look();
    while (!condition() && performance.now() < deadline) this.engine.turn();
    looking = false;
    return condition();
  }

  /** Says goodbye to all that are left, and what was seen. */
  finish(startedAt: number): Seen {
    this.seen.seconds = (performance.now() - startedAt) / 1000;
    for (const peer of this.peers) peer.end();
    this.until(() => this.peers.size === 0, 30);
    this.engine.close(); // who is left has not been answered: lost
    const { slots } = this.engine.counters;
    this.seen.bytes_sent = slots[COUNTER.bytesOut]!;
    this.seen.bytes_received = slots[COUNTER.bytesIn]!;
    return this.seen;
  }
}
