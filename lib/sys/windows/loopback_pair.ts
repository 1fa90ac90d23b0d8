/** Windows has no socketpair(2): two TCP sockets of the loopback that are each other's peer. */
import { AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY } from "../constants.ts";
import { check } from "../errno.ts";
import { Native, NULL } from "../ffi.ts";
import { c, closeFd } from "../posix.ts";

const SIZE = 16; // struct sockaddr_in
const address = new Native(SIZE);
const other = new Native(SIZE);
const length = new Native(8);
const one = new Native(8);
one.int32[0] = 1;

/** How many connections of other programs may come in between before something is wrong. */
const ATTEMPTS = 100;

const newSocket = () => check(c.socket(AF_INET, SOCK_STREAM, 0), "socket", "create a socket pair");

/** The address of one side of a socket, in `into`. */
function name(call: "getsockname" | "getpeername", fd: number, into: Native): Native {
  length.int32[0] = SIZE;
  check(c[call](fd, into.pointer, length.pointer), call, "create a socket pair");
  return into;
}

/** True when `fd` came from the socket whose own address is in `address`. */
function isFrom(fd: number): boolean {
  const peer = name("getpeername", fd, other);
  return peer.int32[0] === address.int32[0] && peer.int32[1] === address.int32[1]; // port, host
}

/** Two connected sockets, blocking, without delay (TCP_NODELAY). */
export function loopbackPair(): [number, number] {
  const action = "create a socket pair";
  const opened: number[] = [];
  const own = (fd: number) => (opened.push(fd), fd);
  const listener = newSocket();
  try {
    address.bytes.fill(0);
    address.view.setUint16(0, AF_INET, true);
    address.view.setUint32(4, 0x7f000001); // 127.0.0.1, port 0
    check(c.bind(listener, address.pointer, SIZE), "bind", action);
    check(c.listen(listener, ATTEMPTS), "listen", action);
    name("getsockname", listener, address);
    const client = own(newSocket());
    check(c.connect(client, address.pointer, SIZE), "connect", action);
    name("getsockname", client, address);
    // Any program of this machine may connect to the port while it listens.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const server = check(c.accept(listener, NULL, NULL), "accept", action);
      if (!isFrom(server)) {
        closeFd(server);
        continue;
      }
      own(server);
      for (const fd of opened) {
        check(c.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one.pointer, 4), "setsockopt", action);
      }
      return [client, server];
    }
    throw new Error(`Cannot ${action}: ${ATTEMPTS} other connections came in between`);
  } catch (error) {
    for (const fd of opened) closeFd(fd);
    throw error;
  } finally {
    closeFd(listener);
  }
}
