/** Whether ports take connections, for tens of thousands of them: connect(2) without an object for each. */
import { AF_INET, AF_INET6, POLLOUT, SO_ERROR, SO_REUSEADDR, SOL_SOCKET } from "../constants.ts";
import { check, ERRNO, errno } from "../errno.ts";
import { Native } from "../ffi.ts";
import { pollFor } from "../poll.ts";
import { c } from "../posix.ts";
import { getOption, setOption } from "./option.ts";
import { hostAndPort, isConnectedToItself, packAddress, SOCKADDR_SIZE } from "./sockaddr.ts";
import { newSocket } from "./sockets.ts";

/** What sockaddr_in and sockaddr_in6 have in common: the port, in network byte order. */
const PORT = 2;

/** Begins connections to the ports of one address. */
export class PortProbe {
  readonly #host: string;
  readonly #domain: number;
  readonly #to = new Native(SOCKADDR_SIZE);
  readonly #toLength: number;
  readonly #from = new Native(SOCKADDR_SIZE);
  readonly #fromLength: number = 0;
  /** The local address, for messages. */
  readonly #source: string = "";
  readonly #hasPort: boolean = false;

  /** For an IP address, from a local one. @throws RangeError when it is none */
  constructor(host: string, source?: { readonly host: string; readonly port?: number }) {
    this.#host = host;
    this.#domain = host.includes(":") ? AF_INET6 : AF_INET;
    this.#toLength = packAddress(this.#to.view, { host, port: 1 });
    if (!source) return;
    this.#fromLength = packAddress(this.#from.view, { port: 0, ...source });
    this.#source = hostAndPort(source.host, source.port ?? 0);
    this.#hasPort = (source.port ?? 0) !== 0;
  }

  /** A connecting descriptor, which the caller closes. @throws OSError EMFILE, EADDRNOTAVAIL, … */
  start(port: number): number {
    const fd = newSocket(this.#domain);
    try {
      if (this.#hasPort && SO_REUSEADDR !== -1) {
        setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      }
      if (this.#fromLength > 0) {
        check(c.bind(fd, this.#from.pointer, this.#fromLength), "bind", `bind ${this.#source}`);
      }
      this.#to.view.setUint16(PORT, port);
      const result = c.connect(fd, this.#to.pointer, this.#toLength);
      if (result === -1 && !GOES_ON.has(errno())) {
        const from = this.#hasPort ? ` from ${this.#source}` : "";
        check(-1, "connect", `connect to ${hostAndPort(this.#host, port)}${from}`);
      }
      return fd;
    } catch (error) {
      c.close(fd);
      throw error;
    }
  }
}

/** WSAEWOULDBLOCK is Windows' EINPROGRESS. */
const GOES_ON = new Set([ERRNO.EINPROGRESS, ERRNO.EINTR, ERRNO.EWOULDBLOCK]);

/** How a connect went: 0 when connected, an error number when it failed, undefined while it goes on. */
export function connectResult(fd: number): number | undefined {
  const failed = pendingError(fd);
  if (failed !== 0) return failed;
  if (pollFor(fd, POLLOUT, 0) <= 0) return undefined;
  // It may have failed in between; and a socket that reached its own port has reached no listener.
  return pendingError(fd) || (isConnectedToItself(fd) ? ERRNO.ECONNREFUSED! : 0);
}

const pendingError = (fd: number): number =>
  getOption(fd, SOL_SOCKET, SO_ERROR) ??
    check(-1, "getsockopt", `ask how descriptor ${fd} is`);
