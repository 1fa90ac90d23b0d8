/** Making listening descriptors: socket(2), bind(2), listen(2). */
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_REBIND,
  SO_REUSEPORT,
  SOL_SOCKET,
} from "../sys/constants.ts";
import { check, ERRNO, errno, OSError } from "../sys/errno.ts";
import { Native } from "../sys/ffi.ts";
import { c, closeFd } from "../sys/posix.ts";
import { identityOf, removeSocketFile } from "../sys/stdio/file.ts";
import { checkPort, hostAndPort, packAddress, SOCKADDR_SIZE } from "../sys/socket/sockaddr.ts";
import { newSocket } from "../sys/socket/sockets.ts";
import { checkInteger, checkOptionalFlag, checkText } from "../sys/arguments.ts";
import { checkEndpoint, ENDPOINT, numericHosts } from "./arguments.ts";
import { setInt } from "./options.ts";

/**
 * Where and how to listen.
 *
 * @example
 * ```ts
 * import { type ListenOptions, Socket } from "iomux";
 *
 * const options: ListenOptions = { host: "127.0.0.1", port: 0, backlog: 128 };
 * using server = Socket.listen(options);
 * console.log(server.accept()); // null
 * ```
 */
export interface ListenOptions {
  /** An IP address or "localhost"; default "0.0.0.0". */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /**
   * The path of a Unix socket, instead of host and port; "@NAME" for an abstract one (Linux). Closing leaves
   * its file.
   */
  path?: string;
  /** How many connections the kernel keeps until they are accepted; default 4096. See listen(2). */
  backlog?: number;
  /** Lets several sockets listen on one port, with connections spread over them (SO_REUSEPORT). */
  reusePort?: boolean;
  /** For "::": no IPv4. */
  v6Only?: boolean;
}

const KNOWN = [...ENDPOINT, "backlog", "reusePort", "v6Only"];
const sockaddr = new Native(SOCKADDR_SIZE);

/** The domain of a socket for an IP address, or for a Unix socket. */
export const domainOf = (host: string | undefined): number =>
  host === undefined ? AF_UNIX : host.includes(":") ? AF_INET6 : AF_INET;

/** A listening, non-blocking descriptor. */
export function openListener(options: ListenOptions): number {
  checkEndpoint(options, KNOWN);
  const { path, host = "0.0.0.0", port = 0, backlog = 4096, reusePort, v6Only } = options;
  checkInteger(backlog, "backlog", 0, 0x7fffffff);
  checkOptionalFlag(reusePort, "reusePort");
  checkOptionalFlag(v6Only, "v6Only");
  if (path !== undefined) {
    return listenOn(undefined, checkText(path, "path"), `unix:${path}`, options, backlog);
  }
  checkPort(port);
  let failure: unknown;
  for (const address of numericHosts(host)) {
    try {
      const target = { host: address, port };
      return listenOn(address, target, hostAndPort(address, port), options, backlog);
    } catch (error) {
      failure ??= error;
      if (!MISSING.has((error as OSError).code)) break;
    }
  }
  throw failure;
}

/** The machine does not have such an address: a name may have others. */
const MISSING = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

function listenOn(
  host: string | undefined,
  target: Parameters<typeof packAddress>[1],
  name: string,
  options: ListenOptions,
  backlog: number,
): number {
  const length = packAddress(sockaddr.view, target);
  const fd = newSocket(domainOf(host));
  try {
    if (host !== undefined) setInt(fd, SOL_SOCKET, SO_REBIND, 1);
    if (options.reusePort && SO_REUSEPORT === -1) {
      throw new OSError(ERRNO.ENOPROTOOPT!, "setsockopt", `share ${name} (no SO_REUSEPORT here)`);
    }
    if (options.reusePort) setInt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (host?.includes(":")) setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6Only ? 1 : 0);
    check(c.bind(fd, sockaddr.pointer, length), "bind", `bind ${name}`);
    if (c.listen(fd, backlog) === -1) {
      const failure = new OSError(errno(), "listen", `listen on ${name}`);
      if (host === undefined) removeBound(options.path!);
      throw failure;
    }
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Removes the file that bind(2) has just made, where it made one. */
function removeBound(path: string): void {
  try {
    if (!path.startsWith("@")) removeSocketFile(path, identityOf(path));
  } catch {
    // What is thrown is why it can't listen.
  }
}
