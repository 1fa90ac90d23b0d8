// Who is at the other end: known from accept(2) itself, named in every error, abstract names included.
import { describe, expect, it } from "bun:test";
import {
  DatagramSocket,
  formatAddress,
  type OSError,
  Socket,
  socketPair,
} from "../../lib/net/mod.ts";
import { duplicate as duplicateFd } from "../../lib/sys/posix.ts";
import { system } from "../../lib/sys/system.ts";
import {
  acceptSoon,
  closesOnExec,
  Descriptor,
  ownership,
  receive,
  tcpPair,
  thrownBy,
} from "../support/sockets.ts";
import { itUnless, NO_RESETS } from "../support/systems.ts";
import { settles } from "../support/waiting.ts";

const notLinux = system === "linux" ? undefined : "abstract names are Linux's";

describe("the peer of an accepted socket", () => {
  const own = ownership();

  itUnless(NO_RESETS, "remoteAddress is known after the peer has reset the connection", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const client = Socket.connect({ port: listener.port, timeoutMs: 5000 });
    const name = client.localAddress;
    client.setLinger(0);
    client.close();
    const [server] = own(acceptSoon(listener));
    expect(server.remoteAddress).toEqual(name);
    const error = thrownBy(() => settles(() => server.recv(new Uint8Array(8)), 0));
    expect(error.message).toMatch(`Cannot receive from ${formatAddress(name)}: ECONNRESET`);
    expect(server.remoteAddress).toEqual(name);
    server.close();
    expect(thrownBy(() => server.remoteAddress).code).toBe("EBADF");
  });

  itUnless(
    NO_RESETS,
    "takeError() says what failed and on whom: no connect, where there was none",
    () => {
      const [client, server] = own(...tcpPair());
      const name = formatAddress(client.localAddress);
      client.setLinger(0);
      client.close();
      let error: OSError | null = null;
      settles(() => (error ??= server.takeError()) !== null, true);
      expect(error!.message).toBe(
        `Cannot go on with ${name}: ECONNRESET (connection reset by peer)`,
      );
      expect([error!.code, error!.syscall]).toEqual(["ECONNRESET", "getsockopt"]);
      expect(server.takeError()).toBe(null);
    },
  );

  it("port is the local one, without a cast; 0 for a Unix socket", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const port: number = listener.port;
    expect(port).toBeGreaterThan(0);
    const [a] = own(...socketPair());
    if (a.localAddress.family === "unix") expect(a.port).toBe(0);
  });
});

describe("abstract names of Unix sockets", () => {
  const own = ownership();

  itUnless(
    notLinux,
    'are "@NAME": listened on, connected to, shown, and gone with the socket',
    () => {
      const path = `@iomux-test-${process.pid}`;
      const [listener] = own(Socket.listen({ path }));
      expect(listener.localAddress).toEqual({ family: "unix", path });
      expect(formatAddress(listener.localAddress)).toBe(`unix:${path}`);
      const [client] = own(Socket.connect({ path, timeoutMs: 5000 }));
      const [server] = own(acceptSoon(listener));
      expect(client.remoteAddress).toEqual({ family: "unix", path });
      expect(server.remoteAddress).toEqual({ family: "unix", path: "" });
      client.send(Uint8Array.of(7));
      expect([...receive(server, 1)]).toEqual([7]);
      listener.close();
      const error = thrownBy(() => Socket.connect({ path, timeoutMs: 100 }));
      expect(error.message).toBe(
        `Cannot connect to unix:${path}: ECONNREFUSED (connection refused)`,
      );
    },
  );

  itUnless(notLinux, "have 1 to 107 bytes behind their @, of streams and of datagrams", () => {
    for (const path of ["@n", `@${process.pid}`.padEnd(108, "n")]) {
      const [listener] = own(Socket.listen({ path }));
      expect(listener.localAddress).toEqual({ family: "unix", path });
      const [client] = own(Socket.connect({ path, timeoutMs: 5000 }));
      expect(client.remoteAddress).toEqual({ family: "unix", path });
      const [receiver, sender] = own(
        DatagramSocket.bind({ path: `${path.slice(0, -1)}d` }),
        DatagramSocket.bind({ path: `${path.slice(0, -1)}s` }),
      );
      const to = receiver.localAddress;
      expect(sender.sendTo(Uint8Array.of(1), to)).toBe(1);
      expect(receiver.recvFrom(new Uint8Array(8))?.from).toEqual(sender.localAddress);
    }
    for (const [bad, length] of [["@", 0], [`@${"n".repeat(108)}`, 108]] as const) {
      const message = "Invalid path of a Unix socket: " +
        `what follows the @ has ${length} bytes; 1 to 107 bytes are allowed`;
      expect(() => Socket.listen({ path: bad })).toThrow(message);
      expect(() => Socket.connect({ path: bad })).toThrow(message);
      expect(() => DatagramSocket.bind({ path: bad })).toThrow(message);
    }
  });
});

describe("descriptors close on exec", () => {
  const own = ownership();

  it("all of them: listening, connected, accepted, paired, duplicated", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [client] = own(Socket.connect({ port: listener.port, timeoutMs: 5000 }));
    const [server, a, b] = own(acceptSoon(listener), ...socketPair());
    const [copy] = own(new Descriptor(duplicateFd(client.fileno())));
    for (const socket of [listener, client, server, a, b, copy]) {
      expect(closesOnExec(socket.fileno())).toBe(true);
    }
  });
});
