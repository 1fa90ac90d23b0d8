/** Opening the sockets that a server listens on, one for each worker. */
import { existsSync, lstatSync, unlinkSync } from "node:fs";
import { type Address, OSError, resolveHost, Socket } from "../net/mod.ts";
import { SO_REUSEPORT } from "../sys/constants.ts";
import { ERRNO } from "../sys/errno.ts";
import { duplicate } from "../sys/posix.ts";
import type { ServeOptions } from "./options.ts";

/** Listening sockets. */
export interface Listeners {
  /** For each worker its own, one for each address. */
  readonly sockets: Socket[][];
  readonly addresses: Address[];
  /** Removes what listening has left behind. */
  cleanUp(): void;
}

/**
 * Opens a socket per worker: with SO_REUSEPORT, so that the kernel spreads connections over them, or
 * duplicates of one socket where the address is a Unix path or the system is Windows.
 *
 * @throws OSError EADDRINUSE, EACCES; ResolveError
 */
export async function openListeners(options: ServeOptions): Promise<Listeners> {
  const { path, backlog, workers, listenFds } = options;
  if (listenFds && listenFds.length > 0) return adopted(listenFds, workers);
  if (path !== undefined) {
    removeStale(path);
    const first = Socket.listen({ path, backlog });
    return {
      sockets: shared([first], workers),
      addresses: [{ family: "unix", path }],
      cleanUp: () => remove(path),
    };
  }
  const [host] = await resolveHost(options.host);
  const reusePort = workers > 1 && SO_REUSEPORT !== -1;
  if (workers > 1 && !reusePort) {
    const first = Socket.listen({ host: host!, port: options.port, backlog });
    const sockets = shared([first], workers);
    return { sockets, addresses: [first.localAddress], cleanUp: () => {} };
  }
  // With SO_REUSEPORT the port of another server of this user would be shared, not refused.
  if (reusePort) Socket.listen({ host: host!, port: options.port, backlog: 1 }).close();
  const sockets: Socket[] = [];
  try {
    for (let port = options.port; sockets.length < workers;) {
      sockets.push(Socket.listen({ host: host!, port, backlog, reusePort }));
      const { localAddress } = sockets[0]!;
      if (localAddress.family !== "unix") port = localAddress.port; // the others join the first
    }
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw error;
  }
  return {
    sockets: sockets.map((socket) => [socket]),
    addresses: [sockets[0]!.localAddress],
    cleanUp: () => {},
  };
}

/** Sockets that somebody else has opened, and goes on to own: a Unix socket's file stays. */
function adopted(fds: readonly number[], workers: number): Listeners {
  const sockets = fds.map((fd) => Socket.fromFd(fd));
  const addresses = sockets.map((socket) => socket.localAddress);
  return { sockets: shared(sockets, workers), addresses, cleanUp: () => {} };
}

/** The same listening sockets for all: whoever comes first accepts. */
function shared(first: Socket[], workers: number): Socket[][] {
  const copy = () => first.map((socket) => Socket.fromFd(duplicate(socket.fileno())));
  return [first, ...Array.from({ length: workers - 1 }, copy)];
}

/** Removes the file of a Unix socket on which nobody listens any more; leaves anything else alone. */
function removeStale(path: string): void {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) {
    throw new OSError(ERRNO.EADDRINUSE!, "bind", `bind unix:${path}, which is no socket`);
  }
  try {
    Socket.connect({ path }).close();
  } catch (error) {
    if ((error as OSError).code === "ECONNREFUSED") return remove(path);
  }
  throw new OSError(ERRNO.EADDRINUSE!, "bind", `bind unix:${path}, where a server is listening`);
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else removed it first.
  }
}
