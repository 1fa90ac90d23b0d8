/** How a thread connects: plainly, or with TLS. */
import type { Connection, Engine, Handler } from "../../engine/mod.ts";
import { tlsConnect, type TlsEndpoint } from "../../tls/mod.ts";
import type { Plan } from "../plan/plan.ts";
import type { Sources } from "../plan/sources.ts";

/** Begins a connection to the target of a plan. */
export type Dial = <S>(handler: Handler<S>, state: S) => Connection<S>;

/** With an endpoint for TLS `open` comes after the handshake, which so counts as part of the connect. */
export function dialer(
  engine: Engine,
  plan: Plan,
  sources: Sources,
  endpoint: TlsEndpoint | undefined,
): Dial {
  const { target, tls } = plan;
  const options = () => {
    const bind = sources.next();
    return bind ? { ...target, bind } : target;
  };
  if (!endpoint || !tls) return (handler, state) => engine.connect(options(), handler, state);
  return (handler, state) =>
    tlsConnect(engine, endpoint, tls.serverName, options(), handler, state);
}
