/** When messages are sent: what a closed and an open loop have in common. */
import type { Engine } from "../../../engine/mod.ts";
import type { Peer } from "../connections/flow.ts";

export interface Outlet {
  /** The loop that it is part of. */
  readonly engine: Pick<Engine, "after">;
  /** Sends messages now that were due at `due`. */
  send(peer: Peer, count: number, now: number, due: number): void;
  /** Nothing more is to be sent on a connection, and all replies are here. */
  exhausted(peer: Peer): void;
}

export interface Pump {
  /** The warm-up is over: from now on messages count, and what is due at `end` or later is not sent. */
  count(now: number, end: number): void;
  /** Sending may start; `ready` follows for each connection that is open. */
  start(now: number): void;
  /** A connection has become open, has room again, or has got a reply. */
  ready(peer: Peer, now: number): void;
  /** A connection is over. */
  gone(peer: Peer): void;
  /** Nothing new is sent from now on. */
  stop(): void;
  /** How many messages were due before a time; 0 without a schedule. */
  dueBefore(now: number): number;
  unsent(now: number): number;
}
