/** Opening the sockets that a server listens on, one for each worker. */
import { listenOnHost } from "../engine/listen_host.ts";
import { listenOnPath } from "../engine/listen_path.ts";
import { type Address, Socket } from "../net/mod.ts";
import { SO_REUSEPORT } from "../sys/constants.ts";
import { duplicate } from "../sys/posix.ts";
import type { ServeOptions } from "./options.ts";

export interface Listeners {
  /** For each worker its own, one for each address. */
  readonly sockets: Socket[][];
  readonly addresses: Address[];
  /** Removes what listening has left behind. */
  cleanUp(): void;
}

/**
 * Opens a socket per worker and address: with SO_REUSEPORT, so that the kernel spreads connections over
 * them, or duplicates of one socket where the address is a Unix path or the system is Windows. `warn` is
 * given a sentence for each address of a name that can't be had while another can, and for a socket's file
 * that can't be removed.
 *
 * @throws OSError EADDRINUSE, EACCES; ResolveError
 */
export async function openListeners(
  options: ServeOptions,
  warn: (message: string) => void = () => {},
): Promise<Listeners> {
  const { path, backlog, workers, listenFds } = options;
  if (listenFds && listenFds.length > 0) {
    // A service manager has opened them, and goes on to own them: a Unix socket's file stays.
    return listening(listenFds.map((fd) => shared(Socket.fromFd(fd), workers)));
  }
  if (path === undefined) {
    const open = (host: string, port: number) => openAddress(host, port, options);
    return listening(await listenOnHost({ host: options.host, port: options.port, open, warn }));
  }
  const { socket, removeFile } = listenOnPath(path, backlog, warn);
  try {
    return { ...listening([shared(socket, workers)]), cleanUp: removeFile };
  } catch (error) {
    removeFile();
    throw error;
  }
}

/** From the sockets of each address, one for each worker, to those of each worker. */
function listening(byAddress: Socket[][]): Listeners {
  return {
    sockets: byAddress[0]!.map((_, worker) => byAddress.map((sockets) => sockets[worker]!)),
    addresses: byAddress.map(([first]) => first!.localAddress),
    cleanUp: () => {},
  };
}

/** A socket for each worker on one address. */
function openAddress(host: string, port: number, { backlog, workers }: ServeOptions): Socket[] {
  if (workers === 1 || SO_REUSEPORT === -1) {
    return shared(Socket.listen({ host, port, backlog }), workers);
  }
  // With SO_REUSEPORT the port of another server of this user would be shared, not refused.
  Socket.listen({ host, port, backlog: 1 }).close();
  return forWorkers(
    workers,
    (first) => Socket.listen({ host, port: first?.port ?? port, backlog, reusePort: true }),
  );
}

/** The same listening socket for all workers: any of them accepts. */
const shared = (socket: Socket, workers: number): Socket[] =>
  forWorkers(workers, (first) => first ? Socket.fromFd(duplicate(first.fileno())) : socket);

/** A socket for each worker, made after the first; when one can't be had, none stays open. */
function forWorkers(workers: number, make: (first?: Socket) => Socket): Socket[] {
  using made = new DisposableStack();
  const sockets: Socket[] = [];
  while (sockets.length < workers) sockets.push(made.use(make(sockets[0])));
  made.move();
  return sockets;
}
