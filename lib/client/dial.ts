/** From a destination to a peer: its addresses, TLS where that is wanted, all within one time. */
import { formatAddress, type Socket } from "../net/mod.ts";
import { lateFor } from "../net/connect.ts";
import { lateHandshake } from "../tls/errors.ts";
import type { TlsClientOptions, TlsEndpoint, TlsIdentity, TlsInfo } from "../tls/mod.ts";
import { type Bounds, connectToHost, connectToPath, type Target } from "./connect.ts";
import type { Loop } from "./loop.ts";
import type { Peer } from "./peer.ts";

/** Whom to trust, and which name or IP address the certificate must be for. */
export interface SecureOptions extends TlsClientOptions {
  readonly serverName: string;
}

/** Whom to connect to, and how. */
export interface DialOptions {
  readonly to: Target | { readonly path: string };
  readonly tls?: SecureOptions;
  /** For all of it, the name's resolution and TLS included; milliseconds. */
  readonly timeoutMs?: number;
  /** Gets what is done, in words. */
  readonly trace: (line: string) => void;
}

/** Longest time when none is given: the system gives up by itself before that. */
const LONGEST_MS = 300_000;
/** The same for the handshake with whom has connected to us. */
const HANDSHAKE_MS = 30_000;

/** Connects. The caller closes what it gets. @throws ResolveError; OSError; TlsError; the signal's reason */
export async function dial(options: DialOptions, loop: Loop, stop: AbortSignal): Promise<Peer> {
  const { to, tls, timeoutMs = LONGEST_MS, trace } = options;
  const deadline = performance.now() + timeoutMs;
  const name = "path" in to ? `unix:${to.path}` : `${to.host}:${to.port}`;
  const bounds = {
    deadline,
    stop,
    trace,
    late: () => lateFor(name, timeoutMs),
  };
  const transport = "path" in to
    ? await connectToPath(to.path, bounds, loop)
    : await connectToHost(to, bounds, loop);
  if (!tls) return peerOf(transport);
  const late = () => lateHandshake(name, timeoutMs);
  return await secured(transport, async () => (await library()).tlsClient(tls), tls.serverName, {
    ...bounds,
    late,
  }, loop);
}

/** Makes a peer of a socket that has connected to us. @throws TlsError; OSError; the signal's reason */
export async function welcome(
  transport: Socket,
  identity: TlsIdentity | undefined,
  trace: Bounds["trace"],
  loop: Loop,
  stop: AbortSignal,
): Promise<Peer> {
  const name = formatAddress(transport.remoteAddress);
  trace(`${name} has connected`);
  if (!identity) return peerOf(transport);
  const deadline = performance.now() + HANDSHAKE_MS;
  const late = () => lateHandshake(name, HANDSHAKE_MS);
  return await secured(transport, async () => (await library()).tlsServer(identity), undefined, {
    deadline,
    late,
    stop,
    trace,
  }, loop);
}

/** Loaded when it is needed: OpenSSL and node:crypto take a sixth of the CPU time of a start. */
const library = () => import("../tls/mod.ts");

const peerOf = (transport: Socket): Peer => ({
  socket: transport,
  transport,
  [Symbol.dispose]: () => transport.close(),
});

async function secured(
  transport: Socket,
  makeEndpoint: () => Promise<TlsEndpoint>,
  serverName: string | undefined,
  bounds: Bounds,
  loop: Loop,
): Promise<Peer> {
  const startedAt = performance.now();
  try {
    const { secure } = await import("./secure.ts");
    const socket = await secure(transport, await makeEndpoint(), serverName, bounds, loop);
    bounds.trace(
      `${describe(socket.info)}, after ${(performance.now() - startedAt).toFixed(1)} ms`,
    );
    return { socket, transport, [Symbol.dispose]: () => socket[Symbol.dispose]() };
  } catch (error) {
    transport.close();
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
