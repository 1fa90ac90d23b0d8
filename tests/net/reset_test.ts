// Ends of connections that are not orderly, and socket pairs.
import { describe, expect, it } from "bun:test";
import { type OSError, Socket, socketPair, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { c, isOpen } from "../../lib/sys/posix.ts";
import {
  acceptSoon,
  decode,
  encode,
  ownership,
  portOf,
  receive,
  thrownBy,
} from "../support/sockets.ts";
import { settles } from "../support/waiting.ts";

const F_GETFD = 1, FD_CLOEXEC = 1;
const buffer = new Uint8Array(new ArrayBuffer(100));

describe("Socket: resets and pairs", () => {
  const own = ownership();

  it("setLinger(0) makes close() reset: data first, ECONNRESET once, then 0", () => {
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

  it("takeError() takes the error that recv() then does not throw", () => {
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
      expect(c.fcntl(from.fileno(), F_GETFD, 0) & FD_CLOEXEC).toBe(FD_CLOEXEC);
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
