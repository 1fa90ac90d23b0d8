// Ends of connections that are not orderly, and socket pairs.
import { describe, expect, it } from "bun:test";
import { type OSError, Socket, socketPair, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { isOpen } from "../../lib/sys/posix.ts";
import {
  acceptSoon,
  closesOnExec,
  decode,
  encode,
  ownership,
  portOf,
  receive,
  thrownBy,
} from "../support/sockets.ts";
import { itUnless, NO_RESETS, onWindows } from "../support/systems.ts";
import { settles } from "../support/waiting.ts";

const buffer = new Uint8Array(new ArrayBuffer(100));

describe("Socket: resets and pairs", () => {
  const own = ownership();

  itUnless(
    NO_RESETS,
    "setLinger(0) makes close() reset: data first, ECONNRESET once, then 0",
    () => {
      const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
      const [client] = own(Socket.connect({ port: portOf(listener), timeoutMs: 2000 }));
      const [server] = own(acceptSoon(listener));
      server.send(encode("last words"));
      server.setLinger(0);
      server.close();
      expect(decode(receive(client, 10))).toBe("last words");
      expect(thrownBy(() => settles(() => client.recv(buffer), 0)).code).toBe("ECONNRESET");
      expect(client.recv(buffer)).toBe(0);
      expect(thrownBy(() => client.send(encode("x"))).code).toBe("EPIPE");
    },
  );

  it("setLinger(0) makes close() reset: the peer is told at once, and can no longer send", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [client] = own(Socket.connect({ port: portOf(listener), timeoutMs: 2000 }));
    const [server] = own(acceptSoon(listener));
    server.setLinger(0);
    server.close();
    const attempt = () => {
      try {
        return String(client.send(encode("x")));
      } catch (error) {
        return (error as OSError).code;
      }
    };
    const refused = ["ECONNRESET", "ECONNABORTED", "EPIPE"];
    expect(settles(() => refused.includes(attempt()), true)).toBe(true);
  });

  it("setLinger(null) takes that back: close() ends the stream in order", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [client] = own(Socket.connect({ port: portOf(listener), timeoutMs: 2000 }));
    const [server] = own(acceptSoon(listener));
    server.setLinger(0);
    server.setLinger(null);
    server.close();
    expect(settles(() => client.recv(buffer), 0)).toBe(0);
  });

  itUnless(NO_RESETS, "takeError() takes the error that recv() then does not throw", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [client] = own(Socket.connect({ port: portOf(listener), timeoutMs: 2000 }));
    const [server] = own(acceptSoon(listener));
    server.setLinger(0);
    server.close();
    let error: OSError | null = null;
    settles(() => (error ??= client.takeError()) !== null, true);
    expect(error!.code).toBe("ECONNRESET");
    expect(client.takeError()).toBe(null);
    expect(client.recv(buffer)).toBe(0);
  });

  it("socketPair(): both ends talk, non-blocking and close-on-exec", () => {
    const [a, b] = own(...socketPair());
    for (const [from, to] of [[a, b], [b, a]] as const) {
      expect(to.recv(buffer)).toBe(WOULD_BLOCK);
      from.send(encode("hello"));
      expect(decode(receive(to, 5))).toBe("hello");
      expect(closesOnExec(from.fileno())).toBe(true);
    }
    if (onWindows) { // TCP of the loopback, and nobody else's
      expect((a.localAddress as { host: string }).host).toBe("127.0.0.1");
      expect([a.localAddress, b.localAddress]).toEqual([b.remoteAddress, a.remoteAddress]);
      return;
    }
    expect(a.localAddress).toEqual({ family: "unix", path: "" });
    expect(a.remoteAddress).toEqual({ family: "unix", path: "" });
  });

  it("[Symbol.dispose]() closes", () => {
    let fd = -1;
    {
      const [a, b] = socketPair();
      using socket = a;
      using _other = b;
      fd = socket.fileno();
      expect(isOpen(fd)).toBe(true);
    }
    expect(isOpen(fd)).toBe(false);
  });
});
