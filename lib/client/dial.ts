/** From a destination to a peer: its addresses, TLS where that is wanted, all within one time. */
import { formatAddress, type Socket } from "../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../selectors/selector.ts";
import { formatDuration } from "../text/units.ts";
import { HANDSHAKE_MS, lateHandshake } from "../tls/errors.ts";
import type {
  TlsConnectOptions,
  TlsEndpoint,
  TlsIdentity,
  TlsInfo,
  TlsSocket,
} from "../tls/mod.ts";
import { connect, type Target } from "./connect.ts";
import type { Loop } from "./loop.ts";
import type { Peer } from "./peer.ts";

export interface DialOptions {
  readonly to: Target | { readonly path: string };
  readonly tls?: TlsConnectOptions;
  /** For all of it, the name's resolution and TLS included; milliseconds. */
  readonly timeoutMs?: number;
  /** How long nothing may come in a handshake. */
  readonly idleTimeoutMs?: number;
  /** Gets what is done, in words. */
  readonly trace: (line: string) => void;
}

export interface WelcomeOptions extends Pick<DialOptions, "idleTimeoutMs" | "trace"> {
  readonly identity?: TlsIdentity;
  /** For the handshake; milliseconds. */
  readonly timeoutMs?: number;
}

/** Longest time when none is given: the system gives up by itself before that. */
const LONGEST_MS = 300_000;

/** Connects. The caller closes what it gets. @throws ResolveError; OSError; TlsError; the signal's reason */
export async function dial(options: DialOptions, loop: Loop, stop: AbortSignal): Promise<Peer> {
  const { to, tls, timeoutMs = LONGEST_MS, idleTimeoutMs, trace } = options;
  const startedAt = performance.now();
  const name = "path" in to ? `unix:${to.path}` : `${to.host}:${to.port}`;
  const transport = await connect(to, { timeoutMs, signal: stop, trace }, loop);
  if (!tls) return peerOf(transport);
  const socket = await shakeHands(transport, {
    ...{ makeEndpoint: async () => (await library()).tlsClient(tls), trace, stop, timeoutMs },
    ...{ idleTimeoutMs, deadline: startedAt + timeoutMs, name, serverName: tls.serverName },
  }, loop);
  return peerOf(transport, socket);
}

/** Makes a peer of a socket that has connected to us. @throws TlsError; OSError; the signal's reason */
export async function welcome(
  transport: Socket,
  options: WelcomeOptions,
  loop: Loop,
  stop: AbortSignal,
): Promise<Peer> {
  const { identity, timeoutMs = HANDSHAKE_MS, idleTimeoutMs, trace } = options;
  const name = formatAddress(transport.remoteAddress);
  trace(`${name} has connected`);
  if (!identity) return peerOf(transport);
  const socket = await shakeHands(transport, {
    ...{ makeEndpoint: async () => (await library()).tlsServer(identity), trace, stop, name },
    ...{ deadline: performance.now() + timeoutMs, timeoutMs, idleTimeoutMs, serverName: undefined },
  }, loop);
  return peerOf(transport, socket);
}

/** Loaded when it is needed: OpenSSL and node:crypto take a sixth of the CPU time of a start. */
const library = () => import("../tls/mod.ts");

const peerOf = (transport: Socket, socket: Socket | TlsSocket = transport): Peer => ({
  socket,
  transport,
  [Symbol.dispose]: () => socket[Symbol.dispose](),
});

export interface Handshake {
  readonly makeEndpoint: () => Promise<TlsEndpoint>;
  /** Whom the certificate must be for; undefined for a client's. */
  readonly serverName: string | undefined;
  readonly name: string;
  /** In milliseconds of performance.now(), and how long that was at the beginning. */
  readonly deadline: number;
  readonly timeoutMs: number;
  /** How long nothing may come. */
  readonly idleTimeoutMs?: number;
  readonly stop: AbortSignal;
  readonly trace: (line: string) => void;
}

/**
 * Shakes hands over a connected socket, which is the TLS socket's from then on; when that fails it is closed.
 *
 * @throws TlsError; OSError; the signal's reason
 */
export async function shakeHands(
  transport: Socket,
  handshake: Handshake,
  loop: Loop,
): Promise<TlsSocket> {
  const { makeEndpoint, serverName, name, deadline, timeoutMs, stop, trace } = handshake;
  const { idleTimeoutMs = Infinity } = handshake;
  const startedAt = performance.now();
  let movedAt = startedAt;
  let socket: Disposable = { [Symbol.dispose]: () => transport.close() };
  try {
    const { TlsSocket } = await library();
    const tls = new TlsSocket(transport, await makeEndpoint(), serverName);
    socket = tls; // which owns the transport and the endpoint
    while (!tls.isSecured) {
      stop.throwIfAborted();
      const now = performance.now();
      if (now >= deadline) throw lateHandshake(name, timeoutMs);
      const idleAt = movedAt + idleTimeoutMs;
      if (now >= idleAt) throw lateHandshake(name, idleTimeoutMs);
      const events = EVENT_READ | (tls.hasOutgoing ? EVENT_WRITE : 0);
      loop.watch(transport.fileno(), events, () => {
        movedAt = performance.now();
        tls.take();
      });
      await loop.turn(Math.min(deadline, idleAt) - now);
    }
    trace(`${describe(tls.info)}, after ${formatDuration(performance.now() - startedAt)}`);
    loop.forget(transport.fileno());
    return tls;
  } catch (error) {
    loop.forget(transport.fileno());
    socket[Symbol.dispose]();
    throw error;
  }
}

/** "TLSv1.3, TLS_AES_256_GCM_SHA384, certificate for localhost". */
function describe({ version, cipher, alpn, certificate }: TlsInfo): string {
  const names = certificate
    ? [`certificate for ${certificate.names.join(", ")}`]
    : ["no certificate"];
  const protocol = alpn === null ? [] : [`ALPN ${alpn}`];
  return [version, cipher, ...protocol, ...names].join(", ");
}
