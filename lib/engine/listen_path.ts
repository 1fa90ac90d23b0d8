/** Listening on the path of a Unix socket: for the server, and for the client's -l. */
import { lstatSync } from "node:fs";
import { DatagramSocket, OSError, Socket } from "../net/mod.ts";
import { ERRNO } from "../sys/errno.ts";
import { system } from "../sys/system.ts";
import { identityOf, removeSocketFile } from "../sys/stdio/file.ts";

/** A socket that listens on a path, and what becomes of its file. */
export interface PathListener {
  readonly socket: Socket;
  /** Removes the file if it is still this socket's; `warn` is given a sentence when that can't be done. */
  removeFile(): void;
}

/**
 * Listens on a path, or on an abstract name. A file that a socket without a listener has left there is
 * replaced; one that is listened on, or that is no socket, is left alone.
 *
 * @throws OSError EADDRINUSE, EACCES and others: see bind(2)
 */
export function listenOnPath(
  path: string,
  backlog: number,
  warn: (message: string) => void,
): PathListener {
  if (path.startsWith("@")) return { socket: Socket.listen({ path, backlog }), removeFile() {} };
  removeStale(path);
  const socket = Socket.listen({ path, backlog });
  const file = identityOf(path);
  const removeFile = () => {
    try {
      removeSocketFile(path, file);
    } catch (error) {
      warn((error as OSError).message);
    }
  };
  return { socket, removeFile };
}

const refusal = (path: string, why: string, errno: number = ERRNO.EADDRINUSE!): OSError =>
  new OSError(errno, "bind", `bind unix:${path}, ${why}`);

function removeStale(path: string): void {
  const file = identityOf(path);
  if (file === undefined) return;
  if (!lstatSync(path).isSocket()) throw refusal(path, "which is no socket");
  if (hasListener(path)) throw refusal(path, "where a server is listening");
  try {
    // Another server may have replaced it in between; then its bind fails, or ours.
    removeSocketFile(path, file);
  } catch (error) {
    throw refusal(path, "whose old file can't be removed", (error as OSError).errno);
  }
}

/**
 * Asks by a socket of another type: a connection would be taken for a client's, maybe for the only one
 * that is waited for. Where a socket lives it gets EPROTOTYPE, see unix(7).
 */
function hasListener(path: string): boolean {
  try {
    // Windows has no such datagrams.
    if (system === "windows") Socket.connect({ path }).close();
    else DatagramSocket.connect({ path }).close();
    return true;
  } catch (error) {
    return (error as OSError).code !== "ECONNREFUSED";
  }
}
