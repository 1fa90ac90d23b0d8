// Connecting: options, and the errors with their exact words.
import { describe, expect, it } from "bun:test";
import { networkInterfaces } from "node:os";
import { dial, OSError, Socket, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { createSelector, EVENT_WRITE } from "../../lib/selectors/mod.ts";
import { packAddress, SOCKADDR_SIZE } from "../../lib/sys/socket/sockaddr.ts";
import { Native } from "../../lib/sys/ffi.ts";
import { AF_INET } from "../../lib/sys/constants.ts";
import { c } from "../../lib/sys/posix.ts";
import { newSocket } from "../../lib/sys/socket/sockets.ts";
import { TempDir } from "../support/files.ts";
import { HelperThread } from "../support/helper_thread.ts";
import { Program } from "../support/programs.ts";
import { acceptSoon, decode, encode, ownership, portOf, receive } from "../support/sockets.ts";
import { thrownBy } from "../support/sockets.ts";
import { itUnless, NO_RESETS, NO_SIGNALS, NO_UNIX_SOCKETS } from "../support/systems.ts";
import { settles, timed } from "../support/waiting.ts";

const loopback6 = Object.values(networkInterfaces()).flat().some((a) => a?.address === "::1");

describe("Socket.connect()", () => {
  const own = ownership();

  const refusedPort = () => {
    using listener = Socket.listen({ host: "127.0.0.1" });
    return portOf(listener);
  };

  it("ECONNREFUSED, with and without timeoutMs, in the words of the contract", () => {
    const port = refusedPort();
    for (const timeoutMs of [undefined, 1000]) {
      const error = thrownBy(() => Socket.connect({ host: "127.0.0.1", port, timeoutMs }));
      expect(error instanceof OSError).toBe(true);
      expect(error.message).toBe(
        `Cannot connect to 127.0.0.1:${port}: ECONNREFUSED (connection refused)`,
      );
      expect([error.code, error.syscall]).toEqual(["ECONNREFUSED", "connect"]);
    }
    if (!loopback6) return;
    expect(thrownBy(() => Socket.connect({ host: "::1", port })).message).toBe(
      `Cannot connect to [::1]:${port}: ECONNREFUSED (connection refused)`,
    );
  });

  itUnless(NO_UNIX_SOCKETS, "ENOENT and ECONNREFUSED for a Unix path", () => {
    const [folder] = own(new TempDir());
    const path = folder.file("socket");
    expect(thrownBy(() => Socket.connect({ path })).message).toBe(
      `Cannot connect to unix:${path}: ENOENT (no such file or directory)`,
    );
    Socket.listen({ path }).close(); // leaves a stale file
    expect(thrownBy(() => Socket.connect({ path })).code).toBe("ECONNREFUSED");
  });

  it("without timeoutMs does not wait; a socket that gets connected later becomes writable", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const { result, ms } = timed(() => Socket.connect({ port: portOf(listener) }));
    own(result);
    expect(ms).toBeLessThan(5000);
    expect(settles(() => result.takeError(), null)).toBe(null);
    const [server] = own(acceptSoon(listener));
    result.send(encode("hello"));
    expect(decode(receive(server, 5))).toBe("hello");
  });

  it("timeoutMs: ETIMEDOUT when the peer does not answer, after that time", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1", backlog: 0 }));
    const port = portOf(listener);
    // A full backlog drops what comes: nothing answers any more.
    let error: Error | undefined;
    for (let i = 0; i < 5 && !error; i++) {
      const { result, ms } = timed(() => {
        try {
          own(Socket.connect({ port, timeoutMs: 150 }));
        } catch (thrown) {
          return thrown as Error;
        }
      });
      if (result) expect([ms >= 150, ms < 1000]).toEqual([true, true]);
      error = result;
    }
    expect(error instanceof OSError).toBe(true);
    expect(error!.message.replace("operation", "connection")).toBe( // as musl says
      `Cannot connect to 127.0.0.1:${port} within 150 ms: ETIMEDOUT (connection timed out)`,
    );
    // An attempt that nobody waits for goes on by itself.
    const [pending] = own(Socket.connect({ port }));
    expect(pending.takeError()).toBe(null);
    const { result, ms } = timed(() => pending.waitConnected(50));
    expect([result, ms >= 50]).toEqual([false, true]);
    expect(() => pending.waitConnected(NaN)).toThrow(RangeError);
    // How it ends is said in the same words to a caller that has asked before.
    listener.close();
    const [selector] = own(createSelector());
    selector.register(pending, EVENT_WRITE);
    expect(selector.select(20_000).length).toBe(1);
    const { syscall, message } = pending.takeError()!;
    expect([syscall, message]).toEqual([
      "connect",
      `Cannot connect to 127.0.0.1:${port}: ECONNREFUSED (connection refused)`,
    ]);
  });

  it("waitConnected() is true once connected, and throws how the attempt ended", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [client] = own(Socket.connect({ port: portOf(listener) }));
    expect(client.waitConnected(2000)).toBe(true);
    expect(client.waitConnected(0)).toBe(true);
    // Not listened on: the answer comes after connect(2) has returned.
    const address = new Native(SOCKADDR_SIZE);
    const length = packAddress(address.view, { host: "127.0.0.1", port: refusedPort() });
    const [refused] = own(Socket.fromFd(newSocket(AF_INET)));
    expect(c.connect(refused.fileno(), address.pointer, length)).toBe(-1);
    expect(thrownBy(() => refused.waitConnected(2000)).message).toBe(
      `Cannot connect to descriptor ${refused.fileno()}: ECONNREFUSED (connection refused)`,
    );
  });

  itUnless(NO_RESETS, "a connection that was reset at once had been made", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const port = portOf(listener);
    for (const ask of ["waitConnected", "takeError"] as const) {
      const [client] = own(Socket.connect({ port }));
      const [server] = own(acceptSoon(listener));
      server.setLinger(0);
      server.close();
      const error = ask === "takeError"
        ? client.takeError()!
        : thrownBy(() => client.waitConnected(0));
      expect([error.syscall, error.message]).toEqual([
        "recv",
        `Cannot receive from 127.0.0.1:${port}: ECONNRESET (connection reset by peer)`,
      ]);
    }
  });

  itUnless(NO_RESETS, "what came before a reset at once is received, and then the error", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    for (const ask of ["waitConnected", "takeError"] as const) {
      const [client] = own(Socket.connect({ port: portOf(listener) }));
      const [server] = own(acceptSoon(listener));
      server.send(encode("last words"));
      server.setLinger(0);
      server.close();
      expect(ask === "takeError" ? client.takeError() : client.waitConnected(0))
        .toBe(ask === "takeError" ? null : true);
      expect(decode(receive(client, 10))).toBe("last words");
      expect(thrownBy(() => client.recv(new Uint8Array(8))).code).toBe("ECONNRESET");
    }
  });

  itUnless(NO_UNIX_SOCKETS, "timeoutMs waits for a Unix socket's full backlog, too", async () => {
    const [folder] = own(new TempDir());
    const path = folder.file("socket");
    const [listener] = own(Socket.listen({ path, backlog: 0 }));
    own(Socket.connect({ path, timeoutMs: 1000 }));
    expect(thrownBy(() => Socket.connect({ path })).code).toBe("EAGAIN");
    const { result, ms } = timed(() => thrownBy(() => Socket.connect({ path, timeoutMs: 100 })));
    expect(result.message.replace("operation", "connection")).toBe(
      `Cannot connect to unix:${path} within 100 ms: ETIMEDOUT (connection timed out)`,
    );
    expect([ms >= 100, ms < 1000]).toEqual([true, true]);
    // Room comes while it waits.
    const helper = await HelperThread.start();
    const accepted = helper.later({ kind: "accept", fd: listener.fileno(), afterMs: 50 });
    const { result: client, ms: waited } = timed(() => Socket.connect({ path, timeoutMs: 2500 }));
    own(client, Socket.fromFd(await accepted as number));
    await helper.stop();
    expect(waited).toBeLessThan(2000);
    own(acceptSoon(listener));
    expect(client.recv(new Uint8Array(1))).toBe(WOULD_BLOCK); // connected and non-blocking
  });

  it("refuses a timeoutMs that is no time", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    for (const timeoutMs of [NaN, -1]) {
      expect(() => Socket.connect({ port: portOf(listener), timeoutMs })).toThrow(RangeError);
    }
  });

  it("bind leaves only the addresses of its family", async () => {
    for (const bind of [{ host: "::1" }, { host: "127.0.0.1" }]) {
      const [listener] = own(Socket.listen(bind));
      const options = { host: "localhost", port: portOf(listener), bind, timeoutMs: 2000 };
      for (const socket of own(Socket.connect(options), await dial(options))) {
        expect((socket.localAddress as { host: string }).host).toBe(bind.host);
      }
      listener.close();
      // Nothing is tried that could only fail for a reason of this machine.
      expect(thrownBy(() => Socket.connect(options)).code).toBe("ECONNREFUSED");
    }
  });

  it("bind chooses the local address and port", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [free] = own(Socket.listen({ host: "127.0.0.3" }));
    const port = portOf(free);
    free.close();
    const to = { port: portOf(listener), timeoutMs: 2000 };
    const [client] = own(Socket.connect({ ...to, bind: { host: "127.0.0.3", port } }));
    expect(client.localAddress).toEqual({ family: "ipv4", host: "127.0.0.3", port });
    const [server] = own(acceptSoon(listener));
    expect(server.remoteAddress).toEqual({ family: "ipv4", host: "127.0.0.3", port });
    const [other] = own(Socket.connect({ ...to, bind: { host: "127.0.0.4" } }));
    expect((other.localAddress as { host: string }).host).toBe("127.0.0.4");
    const error = thrownBy(() => Socket.connect({ ...to, bind: { host: "203.0.113.1" } }));
    expect(error.message).toMatch(/^Cannot bind 203\.0\.113\.1:0: EADDRNOTAVAIL/);
  });

  it("refuses names and bad ports", () => {
    expect(() => Socket.connect({ host: "example.com", port: 1 })).toThrow(/resolveHost/);
    expect(() => Socket.connect({ port: 65536 })).toThrow(RangeError);
    expect(() => Socket.connect({ port: 1, bind: { host: "name" } })).toThrow(RangeError);
  });

  itUnless(
    NO_SIGNALS,
    "send() never raises SIGPIPE, also where that would end the process",
    async () => {
      const program = new Program("no_sigpipe.ts");
      expect(await program.line()).toBe("EPIPE");
      const { code, signal } = await program.ended;
      expect([code, signal]).toEqual([0, null]);
    },
  );
});
