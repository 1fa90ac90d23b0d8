// What only the selectors of Windows have to get right: connects that fail, and hang-ups that would wake
// a writer without room for ever. The rest is the contract suite, as everywhere.
import { describe, expect, it } from "bun:test";
import { packAddress, SOCKADDR_SIZE } from "../../lib/sys/socket/sockaddr.ts";
import { Socket } from "../../lib/net/mod.ts";
import { createSelector, EVENT_READ, EVENT_WRITE, type Selector } from "../../lib/selectors/mod.ts";
import { AF_INET } from "../../lib/sys/constants.ts";
import { Native } from "../../lib/sys/ffi.ts";
import { c } from "../../lib/sys/posix.ts";
import { newSocket } from "../../lib/sys/socket/sockets.ts";
import {
  acceptSoon,
  encode,
  fill,
  ownership,
  portOf,
  receive,
  tcpPair,
} from "../support/sockets.ts";
import { onWindows } from "../support/systems.ts";
import { settles, timed } from "../support/waiting.ts";

if (!onWindows) console.log("not run: windows_test.ts: it is about select and WSAPoll on Windows");
const BOTH = EVENT_READ | EVENT_WRITE;

/** A socket that is connecting to a port of this machine, with nobody asked yet how that ended. */
function connecting(port: number): Socket {
  const socket = Socket.fromFd(newSocket(AF_INET));
  const address = new Native(SOCKADDR_SIZE);
  c.connect(
    socket.fileno(),
    address.pointer,
    packAddress(address.view, { host: "127.0.0.1", port }),
  );
  return socket;
}

function unusedPort(): number {
  using listener = Socket.listen({ host: "127.0.0.1" });
  return portOf(listener);
}

for (const name of onWindows ? (["select", "wsapoll"] as const) : []) {
  describe(`${name} on Windows`, () => {
    const own = ownership();

    const waitsFully = (selector: Selector, ms: number) => {
      const waited = timed(() => selector.select(ms));
      expect(waited.result).toEqual([]);
      expect(waited.ms).toBeGreaterThanOrEqual(ms);
    };

    for (const asked of [EVENT_READ, EVENT_WRITE, BOTH]) {
      it(`${name}: a connect that is refused wakes what was asked for (${asked})`, () => {
        const [selector, socket] = own(createSelector(name), connecting(unusedPort()));
        const key = selector.register(socket, asked);
        // Windows itself tries for 2 s before it gives up.
        expect(selector.select(5000)).toEqual([[key, asked]]);
        expect(selector.select(5000)).toEqual([[key, asked]]);
        expect(socket.takeError()!.code).toBe("ECONNREFUSED");
      });
    }

    it(`${name}: a connect that succeeds is told, and the data after it`, () => {
      const [selector, listener] = own(createSelector(name), Socket.listen({ host: "127.0.0.1" }));
      const [socket] = own(connecting(portOf(listener)));
      const write = selector.register(socket, EVENT_WRITE);
      expect(selector.select(5000)).toEqual([[write, EVENT_WRITE]]);
      expect(socket.takeError()).toBe(null);
      const read = selector.modify(socket, EVENT_READ);
      const [server] = own(acceptSoon(listener));
      waitsFully(selector, 30);
      server.send(encode("x"));
      expect(selector.select(5000)).toEqual([[read, EVENT_READ]]);
    });

    it(`${name}: who only reads is told of data after the connect, too`, () => {
      const [selector, listener] = own(createSelector(name), Socket.listen({ host: "127.0.0.1" }));
      const [socket] = own(connecting(portOf(listener)));
      const key = selector.register(socket, EVENT_READ);
      const [server] = own(acceptSoon(listener));
      server.send(encode("x"));
      expect(selector.select(5000)).toEqual([[key, EVENT_READ]]);
      receive(socket, 1);
      waitsFully(selector, 30);
    });

    it(`${name}: no room, and the peer has ended its side: a writer waits for room`, () => {
      const [selector, socket, peer] = own(createSelector(name), ...tcpPair());
      const key = selector.register(socket, EVENT_WRITE);
      expect(selector.select(1000).length).toBe(1);
      const filled = fill(socket);
      peer.shutdown("write");
      for (let i = 0; i < 3; i++) waitsFully(selector, 30);
      receive(peer, filled);
      expect(selector.select(5000)).toEqual([[key, EVENT_WRITE]]);
      const both = selector.modify(socket, BOTH);
      expect(selector.select(1000)).toEqual([[both, BOTH]]);
    });

    it(`${name}: the same, and then a reset: the writer is told`, () => {
      const [selector, socket, peer] = own(createSelector(name), ...tcpPair());
      const key = selector.register(socket, EVENT_WRITE);
      fill(socket);
      peer.shutdown("write");
      waitsFully(selector, 30);
      peer.setLinger(0);
      peer.close();
      expect(selector.select(5000)).toEqual([[key, EVENT_WRITE]]);
    });

    it(`${name}: the same, closed or unregistered: the others are told`, () => {
      const [selector, socket, peer] = own(createSelector(name), ...tcpPair());
      const [other, sender] = own(...tcpPair());
      const key = selector.register(other, EVENT_READ);
      selector.register(socket, EVENT_WRITE);
      fill(socket);
      peer.shutdown("write");
      waitsFully(selector, 30);
      sender.send(encode("x"));
      expect(selector.select(5000)).toEqual([[key, EVENT_READ]]);
      receive(other, 1);
      const fd = socket.fileno();
      socket.close();
      waitsFully(selector, 30);
      selector.unregister(fd);
      waitsFully(selector, 30);
      expect(selector.getMap().size).toBe(1);
    });

    it(`${name}: out-of-band data of a peer ends no wait`, () => {
      const [selector, socket, peer] = own(createSelector(name), ...tcpPair());
      selector.register(socket, EVENT_READ);
      const MSG_OOB = 1;
      c.sendBytes(peer.fileno(), encode("!"), 1, MSG_OOB);
      expect(settles(() => selector.select(20).length, 1, 60)).toBe(0);
    });
  });
}
