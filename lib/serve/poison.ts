/** For tests of what becomes of a server whose thread dies: bytes that kill whoever receives them. */
import type { Connection, Handler } from "../engine/mod.ts";

/** Names the bytes. Nobody sets it but a test. */
const VARIABLE = "IOMUX_TEST_POISON";

/** The handler, or one that throws when it is given the poison. */
export function poisonable<S>(handler: Handler<S>): Handler<S> {
  const poison = process.env[VARIABLE];
  if (!poison) return handler;
  return {
    open: (connection) => handler.open(connection),
    data(connection, bytes) {
      if (new TextDecoder().decode(bytes).startsWith(poison)) throw new Error("poisoned by a test");
      handler.data(connection, bytes);
    },
    ...(handler.ready
      ? { ready: (peer: Connection<S>, ended: boolean) => handler.ready!(peer, ended) }
      : {}),
    writable: (connection) => handler.writable(connection),
    end: (connection) => handler.end(connection),
    close: (connection, error) => handler.close(connection, error),
  };
}
