// Non-blocking stream sockets, the same over TCP (IPv4, IPv6) and Unix sockets.
import { afterAll, describe, expect, it } from "bun:test";
import { networkInterfaces } from "node:os";
import { type Address, formatAddress, OSError, Socket, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { Native } from "../../lib/sys/ffi.ts";
import { MSG_PEEK } from "../../lib/sys/constants.ts";
import { c, isOpen } from "../../lib/sys/posix.ts";
import { TempDir } from "../support/files.ts";
import {
  acceptSoon,
  closesOnExec,
  decode,
  encode,
  fill,
  ownership,
  portOf,
  receive,
  thrownBy,
} from "../support/sockets.ts";
import { itUnless, NO_RESETS, NO_UNIX_SOCKETS, onWindows } from "../support/systems.ts";
import { settles } from "../support/waiting.ts";

const F_GETFL = 3, O_NONBLOCK = 0o4000;
const buffer = new Uint8Array(new ArrayBuffer(100));
const peek = new Native(8);
let folder: TempDir | undefined;
afterAll(() => folder?.[Symbol.dispose]());
let files = 0;

type Endpoint = { host: string; port: number } | { path: string };
interface Kind {
  name: string;
  listen: () => Socket;
  /** What a client connects to. */
  endpoint: (listener: Socket) => Endpoint;
}

const tcp = (host: string): Kind => ({
  name: `TCP on ${host}`,
  listen: () => Socket.listen({ host }),
  endpoint: (listener) => ({ host, port: portOf(listener) }),
});
const unix: Kind = {
  name: "Unix sockets",
  listen: () => Socket.listen({ path: (folder ??= new TempDir()).file(`s${files++}`) }),
  endpoint: (listener) => ({ path: (listener.localAddress as { path: string }).path }),
};
const loopback6 = Object.values(networkInterfaces()).flat().some((a) => a?.address === "::1");
if (!loopback6) console.log("skipped: TCP on ::1, which this machine does not have");

if (NO_UNIX_SOCKETS) console.log(`not run: Socket: ${unix.name}: ${NO_UNIX_SOCKETS}`);
const kinds = [
  tcp("127.0.0.1"),
  ...(loopback6 ? [tcp("::1")] : []),
  ...(NO_UNIX_SOCKETS ? [] : [unix]),
];

for (const kind of kinds) {
  describe(`Socket: ${kind.name}`, () => {
    const own = ownership();

    const connected = (): [client: Socket, server: Socket, listener: Socket] => {
      const [listener] = own(kind.listen());
      const [client] = own(Socket.connect({ ...kind.endpoint(listener), timeoutMs: 2000 }));
      const [server] = own(acceptSoon(listener));
      return [client, server, listener];
    };

    it("accept() is null until somebody connects, and again afterwards", () => {
      const [listener] = own(kind.listen());
      expect(listener.accept()).toBe(null);
      own(Socket.connect({ ...kind.endpoint(listener), timeoutMs: 2000 }));
      const [server] = own(acceptSoon(listener));
      expect(server instanceof Socket).toBe(true);
      expect(listener.accept()).toBe(null);
    });

    it("all start non-blocking and close-on-exec", () => {
      for (const socket of connected()) {
        expect(closesOnExec(socket.fileno())).toBe(true);
        // Windows does not tell the mode; recv() and accept() do, see below.
        if (onWindows) continue;
        expect(c.fcntl(socket.fileno(), F_GETFL, 0) & O_NONBLOCK).toBe(O_NONBLOCK);
      }
    });

    it("localAddress and remoteAddress mirror each other", () => {
      const [client, server, listener] = connected();
      expect(client.remoteAddress).toEqual(listener.localAddress);
      expect(server.localAddress).toEqual(listener.localAddress);
      const clientAddress: Address = client.localAddress;
      expect(server.remoteAddress).toEqual(clientAddress);
      if (clientAddress.family === "unix") expect(clientAddress.path).toBe("");
      else expect(clientAddress.port).toBeGreaterThan(0);
      expect(thrownBy(() => listener.remoteAddress).code).toBe("ENOTCONN");
    });

    it("recv() is WOULD_BLOCK, the bytes, WOULD_BLOCK again, and 0 at the end for ever", () => {
      const [client, server] = connected();
      expect(server.recv(buffer)).toBe(WOULD_BLOCK);
      expect(client.send(encode("hello"))).toBe(5);
      expect(decode(receive(server, 5))).toBe("hello");
      expect(server.recv(buffer)).toBe(WOULD_BLOCK);
      client.close();
      expect(settles(() => server.recv(buffer), 0)).toBe(0);
      expect(server.recv(buffer)).toBe(0);
    });

    it("recv() fills the part of a buffer that it is given, and leaves the rest", () => {
      const [client, server] = connected();
      client.send(encode("abcdef"));
      const bytes = new Uint8Array(new ArrayBuffer(10)).fill(46);
      expect(settles(() => server.recv(bytes.subarray(2, 5)), 3)).toBe(3);
      expect(decode(bytes)).toBe("..abc.....");
      expect(decode(receive(server, 3))).toBe("def");
      expect(() => server.recv(bytes.subarray(0, 0))).toThrow(RangeError);
    });

    it("send() takes offset and length", () => {
      const [client, server] = connected();
      const bytes = encode("0123456789");
      expect(client.send(bytes, 3)).toBe(7);
      expect(client.send(bytes, 3, 2)).toBe(2);
      expect(client.send(bytes, 10)).toBe(0);
      expect(client.send(bytes.subarray(8), 1, 1)).toBe(1);
      expect(decode(receive(server, 10))).toBe("3456789349");
      for (const [offset, length] of [[11, 0], [0, 11], [5, 6], [-1, 1], [0, -1]]) {
        expect(() => client.send(bytes, offset, length)).toThrow(RangeError);
      }
      for (const bad of [NaN, 0.5]) {
        expect(() => client.send(bytes, bad)).toThrow(RangeError);
        expect(() => client.send(bytes, 0, bad)).toThrow(RangeError);
      }
    });

    it("send() is WOULD_BLOCK when the buffers are full, and goes on when they are not", () => {
      const [client, server] = connected();
      let sent = 0;
      // The kernel may make room late.
      const overfill = () => (sent += fill(client), client.send(encode("x")));
      expect(settles(overfill, WOULD_BLOCK)).toBe(WOULD_BLOCK);
      expect(receive(server, sent).length).toBe(sent);
      expect(settles(() => client.send(encode("x")), 1)).toBe(1);
    });

    it('shutdown("write") ends one direction, the other goes on', () => {
      const [client, server] = connected();
      client.send(encode("question"));
      client.shutdown("write");
      expect(decode(receive(server, 100))).toBe("question"); // to the end of the stream
      expect(server.send(encode("answer"))).toBe(6);
      server.close();
      expect(decode(receive(client, 100))).toBe("answer");
      expect(thrownBy(() => client.send(encode("x"))).code).toBe("EPIPE");
    });

    const broken = onWindows ? "ECONNRESET (connection reset by peer)" : "EPIPE (broken pipe)";
    it(`send() to a peer that closed: ${broken} in the end, an OSError and no signal`, () => {
      const [client, server] = connected();
      const name = formatAddress(client.remoteAddress);
      server.close();
      const attempt = () => {
        try {
          return String(client.send(encode("x")));
        } catch (error) {
          expect(error instanceof OSError).toBe(true);
          return (error as OSError).message;
        }
      };
      const message = `Cannot send to ${name}: ${broken}`;
      expect(settles(attempt, message)).toBe(message);
    });

    const onceUnread =
      "recv() from a peer that closed with our bytes unread: ECONNRESET once, then 0";
    itUnless(NO_RESETS, onceUnread, () => {
      const [client, server] = connected();
      const name = formatAddress(client.remoteAddress);
      client.send(encode("unread"));
      settles(() => c.recv(server.fileno(), peek.pointer, 1, MSG_PEEK), 1);
      server.close();
      const error = thrownBy(() => {
        settles(() => client.recv(buffer), 0);
      });
      const reset = "ECONNRESET (connection reset by peer)";
      expect(error.message).toBe(`Cannot receive from ${name}: ${reset}`);
      expect([error.code, error.syscall]).toEqual(["ECONNRESET", "recv"]);
      expect(client.recv(buffer)).toBe(0);
    });

    it("close() may be called again; afterwards fileno() is -1 and calls fail with EBADF", () => {
      const [client] = connected();
      const fd = client.fileno();
      client.close();
      client.close();
      expect([client.fileno(), isOpen(fd)]).toEqual([-1, false]);
      expect(thrownBy(() => client.recv(buffer)).code).toBe("EBADF");
      expect(thrownBy(() => client.send(buffer)).code).toBe("EBADF");
      expect(thrownBy(() => client.shutdown("both")).code).toBe("EBADF");
      expect(thrownBy(() => client.setBlocking(true)).code).toBe("EBADF");
      expect(thrownBy(() => client.localAddress).code).toBe("EBADF");
      expect(thrownBy(() => client.accept()).code).toBe("EBADF");
      expect(thrownBy(() => client.waitConnected(60_000)).code).toBe("EBADF");
      expect(client.detach()).toBe(-1);
    });

    it("detach() gives the descriptor away, and Socket.fromFd() takes it over", () => {
      const [client, server] = connected();
      const fd = client.fileno();
      expect(client.detach()).toBe(fd);
      expect(client.fileno()).toBe(-1);
      client.close();
      expect(isOpen(fd)).toBe(true);
      {
        using again = Socket.fromFd(fd);
        again.send(encode("again"));
        expect(decode(receive(server, 5))).toBe("again");
      }
      expect(isOpen(fd)).toBe(false);
    });

    it("has options", () => {
      const [client] = connected();
      client.setNoDelay(true);
      client.setNoDelay(false);
      client.setKeepAlive(true);
      client.setLinger(1);
      client.setLinger(null);
      client.setBuffers({ sendBytes: 20_000 });
      client.setBuffers({ recvBytes: 30_000 });
      const { sendBytes, recvBytes } = client.getBuffers();
      // Linux doubles what it is told, for its own bookkeeping (socket(7)).
      const [sent, received] = onWindows ? [20_000, 30_000] : [40_000, 60_000];
      expect([sendBytes, recvBytes]).toEqual([sent, kind === unix ? recvBytes : received]);
      expect(client.takeError()).toBe(null);
    });
  });
}
