// Listening: options, and the errors with their exact words.
import { describe, expect, it } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { OSError, Socket } from "../../lib/net/mod.ts";
import { TempDir } from "../support/files.ts";
import { acceptSoon, openDescriptors, ownership, portOf } from "../support/sockets.ts";
import { thrownBy } from "../support/sockets.ts";
import { itUnless, NO_REUSEPORT, NO_UNIX_SOCKETS, onWindows } from "../support/systems.ts";
import { settles } from "../support/waiting.ts";

const loopback6 = Object.values(networkInterfaces()).flat().some((a) => a?.address === "::1");

describe("Socket.listen()", () => {
  const own = ownership();

  it("listens on a free port of all IPv4 addresses by default", () => {
    const [listener] = own(Socket.listen({}));
    const port = portOf(listener);
    expect(listener.localAddress).toEqual({ family: "ipv4", host: "0.0.0.0", port });
    own(Socket.connect({ port, timeoutMs: 2000 }));
    own(acceptSoon(listener));
  });

  it('takes "localhost", and refuses other names', () => {
    const [listener] = own(Socket.listen({ host: "localhost" }));
    expect((listener.localAddress as { host: string }).host).toBe("127.0.0.1");
    expect(() => Socket.listen({ host: "example.com" })).toThrow(RangeError);
    expect(() => Socket.listen({ host: "" })).toThrow(RangeError);
    expect(() => Socket.listen({ port: 70000 })).toThrow(RangeError);
  });

  it("EADDRINUSE: Cannot bind HOST:PORT", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const port = portOf(listener);
    const error = thrownBy(() => Socket.listen({ host: "127.0.0.1", port }));
    expect(error instanceof OSError).toBe(true);
    expect(error.message.replace(" already", "")).toBe( // which musl does not say
      `Cannot bind 127.0.0.1:${port}: EADDRINUSE (address in use)`,
    );
    expect([error.code, error.syscall]).toEqual(["EADDRINUSE", "bind"]);
  });

  it("EADDRNOTAVAIL for an address that is not this machine's", () => {
    const error = thrownBy(() => Socket.listen({ host: "203.0.113.1" }));
    expect(error.message).toMatch(/^Cannot bind 203\.0\.113\.1:0: EADDRNOTAVAIL \(/);
  });

  it("takes the port again right after a server with connections closed (SO_REUSEADDR)", () => {
    const listener = Socket.listen({ host: "127.0.0.1" });
    const port = portOf(listener);
    const [client] = own(Socket.connect({ port, timeoutMs: 2000 }));
    const [server] = own(acceptSoon(listener));
    server.close(); // first, so that its side goes through TIME_WAIT
    client.close();
    listener.close();
    own(Socket.listen({ host: "127.0.0.1", port }));
  });

  itUnless(NO_REUSEPORT, "reusePort: several listen on one port, and share the connections", () => {
    const [first] = own(Socket.listen({ host: "127.0.0.1", reusePort: true }));
    const port = portOf(first);
    const [second] = own(Socket.listen({ host: "127.0.0.1", port, reusePort: true }));
    expect(() => Socket.listen({ host: "127.0.0.1", port })).toThrow(/EADDRINUSE/);
    const counts = new Map([[first, 0], [second, 0]]);
    for (let i = 0; i < 64; i++) own(Socket.connect({ port, timeoutMs: 2000 }));
    const total = () => [...counts.values()].reduce((x, y) => x + y);
    settles(() => {
      for (const listener of counts.keys()) {
        const accepted = listener.accept();
        if (accepted) own(accepted), counts.set(listener, counts.get(listener)! + 1);
      }
      return total();
    }, 64);
    expect(total()).toBe(64);
    for (const count of counts.values()) expect(count).toBeGreaterThan(0);
  });

  it('"::" takes IPv4 too, unless v6Only', () => {
    if (!loopback6) return console.log("skipped: this machine has no IPv6");
    for (const v6Only of [undefined, false, true]) {
      const [listener] = own(Socket.listen({ host: "::", v6Only }));
      const port = portOf(listener);
      own(Socket.connect({ host: "::1", port, timeoutMs: 2000 }));
      own(acceptSoon(listener));
      const connect4 = () => own(Socket.connect({ host: "127.0.0.1", port, timeoutMs: 2000 }));
      if (v6Only) {
        expect(connect4).toThrow(/ECONNREFUSED/);
      } else {
        connect4();
        const [server] = own(acceptSoon(listener));
        expect((server.remoteAddress as { host: string }).host).toBe("::ffff:127.0.0.1");
      }
    }
  });

  itUnless(NO_UNIX_SOCKETS, "listens on a Unix path, once", () => {
    const [folder] = own(new TempDir());
    const path = folder.file("socket");
    const [listener] = own(Socket.listen({ path }));
    expect(existsSync(path)).toBe(true);
    expect(listener.localAddress).toEqual({ family: "unix", path });
    expect(thrownBy(() => Socket.listen({ path })).message.replace(" already", "")).toBe(
      `Cannot bind unix:${path}: EADDRINUSE (address in use)`,
    );
    listener.close(); // leaves the file, as the declaration says
    expect(existsSync(path)).toBe(true);
    expect(thrownBy(() => Socket.listen({ path })).code).toBe("EADDRINUSE");
    rmSync(path);
    own(Socket.listen({ path }));
    expect(thrownBy(() => Socket.listen({ path: folder.file("no/such/folder") })).code).toBe(
      "ENOENT",
    );
  });

  it("leaves no descriptor open when it fails", () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [port, before] = [portOf(listener), openDescriptors()];
    for (let i = 0; i < 10; i++) {
      expect(() => Socket.listen({ host: "127.0.0.1", port })).toThrow(OSError);
      expect(() => Socket.connect({ host: "127.0.0.1", port: -1 })).toThrow(RangeError);
      expect(() => Socket.connect({ port, bind: { host: "203.0.113.1" } })).toThrow(OSError);
    }
    // On Windows the runtime's own handles count, too.
    expect(openDescriptors() - before).toBeLessThan(onWindows ? 8 : 1);
  });
});
