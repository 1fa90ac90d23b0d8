/** Listening and connecting with TLS, in the words of the engine. */
import type { Connection, Engine, Handler, ListenerOptions, Observer } from "../engine/mod.ts";
import type { ConnectOptions, OSError } from "../net/mod.ts";
import { lateFor } from "../net/connect.ts";
import { TlsConnection, type TlsSide } from "./connection.ts";
import type { TlsEndpoint } from "./endpoint.ts";
import { lateHandshake } from "./errors.ts";

const HANDLER: Handler<TlsConnection<any>> = {
  open: (transport) => transport.state.opened(transport),
  data: (transport, bytes) => transport.state.received(bytes),
  writable: (transport) => transport.state.writable(),
  end: (transport) => transport.state.finished(),
  close: (transport, error) => transport.state.over(error),
};

/** A listener whose connections are TLS, and whose handler sees plaintext. */
export function tlsListener<S>(
  engine: Engine,
  endpoint: TlsEndpoint,
  options: ListenerOptions<S>,
  accepted?: (connection: Connection<S>) => void,
): ListenerOptions<TlsConnection<S>> {
  const { handler, state, ...others } = options;
  const side: TlsSide<S> = { engine, endpoint, handler, ...(accepted ? { accepted } : {}) };
  return { ...others, handler: HANDLER, state: () => new TlsConnection(side, state()) };
}

/** As the engine's `connect`, but with TLS: to a server of that name or IP address. */
export function tlsConnect<S>(
  engine: Engine,
  endpoint: TlsEndpoint,
  serverName: string,
  options: ConnectOptions,
  handler: Handler<S>,
  state: S,
): Connection<S> {
  const connection = new TlsConnection({ engine, endpoint, handler, serverName }, state);
  connection.transport = engine.connect(options, HANDLER, connection);
  return connection;
}

/** Why a connection to `name`, with TLS or without, is not open after `timeoutMs`. */
export const lateOpening = (
  connection: Connection<unknown>,
  name: string,
  timeoutMs: number,
): OSError =>
  connection instanceof TlsConnection && connection.isConnected
    ? lateHandshake(name, timeoutMs)
    : lateFor(name, timeoutMs);

/** For an observer of the engine that knows the states of plaintext connections only. */
export const tlsObserver = (inner: Observer): Observer => ({
  waiting: (registered) => inner.waiting(registered),
  ready: (count) => inner.ready(count),
  received: ({ state }, bytes) => inner.received(state, bytes),
  queued: ({ state }, count) => inner.queued(state, count),
  sent: ({ state }, bytes) => inner.sent(state, bytes),
  drained: ({ state }) => inner.drained(state),
});
