// DatagramSocket over UDP and Unix datagrams: what udp(7) and unix(7) promise, and what they don't.
import { describe, expect, it } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatagramSocket, formatAddress, type OSError } from "../../lib/net/mod.ts";
import { system } from "../../lib/sys/system.ts";
import { encode, thrownBy } from "../support/sockets.ts";
import { settles } from "../support/waiting.ts";
import { EMULATED, itUnless } from "../support/systems.ts";

const HOSTS = ["127.0.0.1", "::1"];
const buffer = new Uint8Array(2048);
const text = (bytes: number) => new TextDecoder().decode(buffer.subarray(0, bytes));

/** The next datagram, waited for. */
function next(socket: DatagramSocket, into: Uint8Array = buffer) {
  socket.setBlocking(true);
  socket.setTimeouts({ recvMs: 5000 });
  const datagram = socket.recvFrom(into);
  socket.setBlocking(false);
  return datagram;
}

for (const host of HOSTS) {
  describe(`DatagramSocket on ${host}`, () => {
    it("sends to an address and says who has sent what arrives", () => {
      using a = DatagramSocket.bind({ host });
      using b = DatagramSocket.bind({ host });
      expect(a.recvFrom(buffer)).toBe(null);
      expect(b.sendTo(encode("hello"), { host, port: a.port })).toBe(5);
      const datagram = next(a)!;
      expect(text(datagram.bytes)).toBe("hello");
      expect(datagram.truncated).toBe(false);
      expect(datagram.from).toEqual(b.localAddress);
    });

    it("keeps datagrams apart, and one of no bytes is one", () => {
      using a = DatagramSocket.bind({ host });
      using b = DatagramSocket.connect({ host, port: a.port });
      for (const part of ["one", "", "two"]) b.send(encode(part));
      expect(["", "", ""].map(() => text(next(a)!.bytes))).toEqual(["one", "", "two"]);
      a.sendTo(new Uint8Array(0), { host, port: b.port });
      settles(() => b.recv(buffer), 0);
      expect(b.recv(buffer)).toBe(-1);
    });

    it("tells that a datagram was longer than the buffer, and gives none of its rest", () => {
      using a = DatagramSocket.bind({ host });
      using b = DatagramSocket.connect({ host, port: a.port });
      b.send(encode("0123456789"));
      b.send(encode("abc"));
      const four = new Uint8Array(4);
      const { bytes, truncated } = next(a, four)!;
      expect([bytes, truncated, new TextDecoder().decode(four)]).toEqual([4, true, "0123"]);
      expect(text(next(a)!.bytes)).toBe("abc");
    });

    it("a connected socket receives from its peer alone, and knows both addresses", () => {
      using a = DatagramSocket.bind({ host });
      using b = DatagramSocket.connect({ host, port: a.port }, { host, port: 0 });
      using stranger = DatagramSocket.bind({ host });
      expect(b.remoteAddress).toEqual(a.localAddress);
      stranger.sendTo(encode("not for you"), { host, port: b.port });
      a.sendTo(encode("yes"), { host, port: b.port });
      expect(text(next(b)!.bytes)).toBe("yes");
      expect(b.recvFrom(buffer)).toBe(null);
    });

    itUnless(
      system === "windows" ? "ICMP answers have other rules there" : undefined,
      `that nobody listens is ECONNREFUSED, once, on ${host}`,
      () => {
        const gone = DatagramSocket.bind({ host });
        const { port } = gone;
        gone.close();
        using a = DatagramSocket.connect({ host, port });
        a.send(encode("anybody?"));
        let error: OSError | undefined;
        settles(() => {
          try {
            a.recv(buffer);
          } catch (thrown) {
            error = thrown as OSError;
          }
          return error?.code;
        }, "ECONNREFUSED");
        expect(error!.message).toBe(
          `Cannot receive from ${
            formatAddress(a.localAddress).replace(/:\d+$/, `:${port}`)
          }: ECONNREFUSED (connection refused)`,
        );
        expect(a.recv(buffer)).toBe(-1);
      },
    );
  });
}

describe("DatagramSocket", () => {
  it("refuses what is no buffer, an empty buffer, a bad port, a name", () => {
    using a = DatagramSocket.bind({ host: "127.0.0.1" });
    const send = (bytes: unknown) => () =>
      a.sendTo(bytes as Uint8Array, { host: "127.0.0.1", port: a.port });
    for (const wrong of ["text", 5, null, undefined, [1, 2]]) {
      expect(thrownBy(send(wrong)) instanceof TypeError).toBe(true);
    }
    expect(thrownBy(() => a.recvFrom(new Uint8Array(0))) instanceof RangeError).toBe(true);
    for (const port of [-1, 65536, 1.5, NaN]) {
      const wrong = () => a.sendTo(encode("x"), { host: "127.0.0.1", port });
      expect(thrownBy(wrong) instanceof RangeError).toBe(true);
    }
    expect(thrownBy(() => DatagramSocket.bind({ host: "example" })) instanceof RangeError).toBe(
      true,
    );
    expect(a.recvFrom(buffer)).toBe(null);
  });

  it("says EMSGSIZE for what no datagram holds, and EBADF once closed", () => {
    const a = DatagramSocket.bind({ host: "127.0.0.1" });
    const huge = () => a.sendTo(new Uint8Array(70_000), { host: "127.0.0.1", port: a.port });
    expect((thrownBy(huge) as OSError).code).toBe("EMSGSIZE");
    a.close();
    a.close();
    expect(a.fileno()).toBe(-1);
    expect(["EBADF", "ENOTSOCK"]).toContain((thrownBy(() => a.recvFrom(buffer)) as OSError).code);
  });

  it("a port in use is EADDRINUSE, and leaves no descriptor behind", () => {
    using a = DatagramSocket.bind({ host: "127.0.0.1" });
    const before = DatagramSocket.bind({ host: "127.0.0.1" });
    const number = before.fileno();
    before.close();
    const again = () => DatagramSocket.bind({ host: "127.0.0.1", port: a.port });
    expect((thrownBy(again) as OSError).code).toBe("EADDRINUSE");
    using after = DatagramSocket.bind({ host: "127.0.0.1" });
    if (system !== "windows") expect(after.fileno()).toBe(number);
  });

  it("detach() gives the descriptor away, and fromFd() takes it over", () => {
    const a = DatagramSocket.bind({ host: "127.0.0.1" });
    const { port } = a;
    using b = DatagramSocket.fromFd(a.detach());
    a.close();
    b.sendTo(encode("me"), { host: "127.0.0.1", port });
    expect(text(next(b)!.bytes)).toBe("me");
  });

  it("broadcasts only after setBroadcast", () => {
    using a = DatagramSocket.bind({ host: "0.0.0.0" });
    using b = DatagramSocket.bind({ host: "127.0.0.1" });
    const send = () => b.sendTo(encode("all"), { host: "127.255.255.255", port: a.port });
    expect((thrownBy(send) as OSError).code).toBe("EACCES");
    b.setBroadcast(true);
    expect(send()).toBe(3);
    expect(text(next(a)!.bytes)).toBe("all");
  });

  // qemu-user: ENOPROTOOPT for IP_MULTICAST_IF.
  itUnless(EMULATED, "receives what is sent to a multicast group that it has joined", () => {
    const group = "239.255.77.7";
    using a = DatagramSocket.bind({ host: "0.0.0.0", reuseAddress: true });
    using b = DatagramSocket.bind({ host: "127.0.0.1" });
    a.joinMulticast(group, "127.0.0.1");
    b.setMulticast({ iface: "127.0.0.1", loop: true, hops: 0 });
    b.sendTo(encode("members"), { host: group, port: a.port });
    expect(text(next(a)!.bytes)).toBe("members");
    a.leaveMulticast(group, "127.0.0.1");
    expect(thrownBy(() => a.leaveMulticast(group, "127.0.0.1")).message).toContain(
      `Cannot leave the multicast group ${group}: `,
    );
    expect(thrownBy(() => b.setMulticast({ hops: 256 })) instanceof RangeError).toBe(true);
  });

  itUnless(
    EMULATED ?? (system === "linux" ? undefined : "its loopback has another name"),
    "knows the loopback by its name for IPv6, though no address of it is link-local",
    () => {
      using a = DatagramSocket.bind({ host: "::1" });
      for (const name of ["lo", "1"]) {
        a.joinMulticast("ff02::7", name);
        a.leaveMulticast("ff02::7", name); // fails unless it was joined
        a.setMulticast({ iface: name });
      }
      const { message } = thrownBy(() => a.joinMulticast("ff02::7", "none77"));
      expect(message).toContain("Cannot find the interface none77: ENODEV");
    },
  );

  itUnless(
    system === "windows" ? "it has no Unix datagrams" : undefined,
    "datagrams over Unix sockets",
    () => {
      const dir = mkdtempSync(join(tmpdir(), "iomux-datagram-"));
      try {
        const path = join(dir, "a");
        using a = DatagramSocket.bind({ path });
        using named = DatagramSocket.bind({ path: join(dir, "b") });
        using nameless = DatagramSocket.connect({ path });
        named.sendTo(encode("named"), { path });
        nameless.send(encode(""));
        const first = next(a)!;
        expect([text(first.bytes), formatAddress(first.from!)]).toEqual(["named", `unix:${dir}/b`]);
        expect(next(a)).toEqual({ bytes: 0, truncated: false, from: undefined });
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );
});
