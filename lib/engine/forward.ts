/** A handler around another: what it does not handle itself goes to the inner one. */
import type { Handler } from "./engine.ts";

/**
 * The calls of `own`, and for the others those of `inner`. The result has `ready` exactly when `inner`
 * has: an engine receives for handlers without it.
 */
export function forwarding<S>(inner: Handler<S>, own: Partial<Handler<S>>): Handler<S> {
  return {
    open: own.open ?? ((connection) => inner.open(connection)),
    data: own.data ?? ((connection, bytes) => inner.data(connection, bytes)),
    writable: own.writable ?? ((connection) => inner.writable(connection)),
    end: own.end ?? ((connection) => inner.end(connection)),
    close: own.close ?? ((connection, error) => inner.close(connection, error)),
    ...(inner.ready
      ? { ready: own.ready ?? ((connection, ended) => inner.ready!(connection, ended)) }
      : {}),
  };
}
