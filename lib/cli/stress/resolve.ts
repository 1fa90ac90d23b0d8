/** Which address of its name a target is, for all connections of a run. */
import { connect, type Target as Whom } from "../../client/connect.ts";
import { shakeHands } from "../../client/dial.ts";
import { Loop } from "../../client/loop.ts";
import { resolveUntil } from "../../net/dial.ts";
import type { InetAddress, Socket } from "../../net/mod.ts";
import { familyOf } from "../../sys/socket/ip.ts";
import { EVENT_READ } from "../../selectors/mod.ts";
import type { Target } from "../../stress/plan/plan.ts";
import { tlsClient, type TlsConnectOptions, type TlsSocket } from "../../tls/mod.ts";
import { parseTarget } from "../options/target.ts";

/** How long a server may take to end. */
const END_MS = 1000;

/**
 * Where a target is. A name with several addresses is tried as RFC 8305 says, by one connection more than the
 * run's: with TLS it shakes hands and ends as a client does, as a server would count a bare one as broken.
 *
 * @throws UsageError, ResolveError; the signal's reason
 */
export async function resolveTarget(
  target: string,
  tls: TlsConnectOptions | undefined,
  timeoutMs: number,
  sources: readonly string[],
  stop: AbortSignal,
): Promise<Target> {
  const { host: name, port } = parseTarget(target);
  // Connections are of the family of the addresses that they are made from.
  const families = [...new Set(sources.map((source) => familyOf(source)!))];
  const family = families.length === 1 ? families[0] : undefined;
  const [first, ...others] = await resolveUntil(stop, name, family);
  const host = others.length === 0 ? undefined : await firstThatAnswers(
    { host: name, port, ...(family ? { family } : {}) },
    tls,
    timeoutMs,
    stop,
  );
  return { host: host ?? first!, port };
}

/** Undefined when none does: what is wrong with the first is for the run to say. */
async function firstThatAnswers(
  to: Whom,
  tls: TlsConnectOptions | undefined,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<string | undefined> {
  using loop = new Loop();
  const deadline = performance.now() + timeoutMs;
  const trace = () => {};
  let socket: Socket;
  let host: string;
  try {
    socket = await connect(to, { timeoutMs, signal: stop, trace }, loop);
    ({ host } = socket.remoteAddress as InetAddress);
  } catch {
    return undefined;
  }
  if (!tls) socket.close();
  else {
    const { serverName } = tls;
    const makeEndpoint = () => Promise.resolve(tlsClient(tls));
    const bounds = { deadline, timeoutMs, stop, trace, name: to.host };
    await shakeHands(socket, { ...bounds, makeEndpoint, serverName }, loop).then(
      (peer) => endInOrder(peer, loop),
      () => {},
    ); // which the run says, too
  }
  return host;
}

/** close_notify and FIN both ways: to close while the server's tickets are unread would be a reset. */
async function endInOrder(peer: TlsSocket, loop: Loop): Promise<void> {
  const buffer = new Uint8Array(1024);
  const deadline = performance.now() + END_MS;
  let isOver = false;
  loop.watch(peer.fileno(), EVENT_READ, () => isOver = peer.recv(buffer) === 0);
  try {
    peer.shutdown("write");
    while (!isOver && performance.now() < deadline) await loop.turn(deadline - performance.now());
  } catch {
    // It has reset: the address is known all the same.
  } finally {
    loop.forget(peer.fileno());
    peer[Symbol.dispose]();
  }
}
