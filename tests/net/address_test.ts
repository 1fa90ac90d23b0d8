import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import {
  literalAddresses,
  parseHostPort,
  ResolveError,
  resolveHost,
} from "../../lib/net/address.ts";
import {
  type Address,
  addressBytes,
  checkPort,
  formatAddress,
  packAddress,
  SOCKADDR_SIZE,
  unpackAddress,
} from "../../lib/sys/socket/sockaddr.ts";
import { thrownBy } from "../support/sockets.ts";

const memory = new DataView(new ArrayBuffer(SOCKADDR_SIZE));
const roundTrip = (to: { host: string; port: number } | string): Address =>
  unpackAddress(memory, packAddress(memory, to));
/** How an IPv6 address reads after a round trip through struct sockaddr_in6. */
const written = (host: string) => (roundTrip({ host, port: 1 }) as { host: string }).host;

describe("parseHostPort() and formatAddress()", () => {
  it("parse and format IPv4, names and IPv6", () => {
    expect(parseHostPort("127.0.0.1:80")).toEqual({ host: "127.0.0.1", port: 80 });
    expect(parseHostPort("example.com:0")).toEqual({ host: "example.com", port: 0 });
    expect(parseHostPort("[::1]:65535")).toEqual({ host: "::1", port: 65535 });
    expect(parseHostPort("[fe80::1%eth0]:1")).toEqual({ host: "fe80::1%eth0", port: 1 });
    expect(formatAddress({ family: "ipv4", host: "127.0.0.1", port: 80 })).toBe("127.0.0.1:80");
    expect(formatAddress({ family: "ipv6", host: "::1", port: 80 })).toBe("[::1]:80");
    expect(formatAddress({ family: "unix", path: "/tmp/x" })).toBe("unix:/tmp/x");
    expect(formatAddress({ family: "unix", path: "" })).toBe("unix:(unnamed)");
  });

  it("refuse what is no HOST:PORT", () => {
    for (
      const text of ["", "host", ":80", "host:", "::1:80", "[::1]", "[]:80", "host:8o", "host:-1"]
    ) expect(() => parseHostPort(text)).toThrow(RangeError);
    expect(thrownBy(() => parseHostPort("::1:80")).message).toBe(
      'Invalid address "::1:80": use HOST:PORT, or [HOST]:PORT for IPv6',
    );
    expect(() => parseHostPort("host:65536")).toThrow(
      "Invalid port 65536: ports go from 0 to 65535",
    );
  });

  it("are each other's inverse", () => {
    fc.assert(fc.property(fc.ipV6(), fc.nat(65535), (host, port) => {
      expect(parseHostPort(formatAddress({ family: "ipv6", host, port }))).toEqual({ host, port });
    }));
  });

  it("checkPort() takes integers from 0 to 65535", () => {
    expect([0, 1, 65535].map(checkPort)).toEqual([0, 1, 65535]);
    for (const port of [-1, 65536, 1.5, NaN, Infinity]) {
      expect(() => checkPort(port)).toThrow(RangeError);
    }
  });
});

describe("addressBytes()", () => {
  it("gives the bytes of IPv4 and IPv6", () => {
    expect([...addressBytes("1.2.3.255")]).toEqual([1, 2, 3, 255]);
    const bytes = (host: string) => [...addressBytes(host)].map((b) => b.toString(16)).join(" ");
    expect(bytes("::")).toBe("0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
    expect(bytes("::1")).toBe("0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1");
    expect(bytes("1::")).toBe("0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
    expect(bytes("2001:DB8::8:800:200c:417a")).toBe("20 1 d b8 0 0 0 0 0 8 8 0 20 c 41 7a");
    expect(bytes("::ffff:192.168.1.2")).toBe("0 0 0 0 0 0 0 0 0 0 ff ff c0 a8 1 2");
    expect(bytes("64:ff9b::1.2.3.4")).toBe("0 64 ff 9b 0 0 0 0 0 0 0 0 1 2 3 4");
    expect(bytes("1:2:3:4:5:6:7:8")).toBe("0 1 0 2 0 3 0 4 0 5 0 6 0 7 0 8");
  });

  it("refuses what is no IP address", () => {
    for (const host of ["", "1.2.3", "1.2.3.256", "::1::", "localhost", "1:2", ":::"]) {
      expect(() => addressBytes(host)).toThrow(RangeError);
    }
  });
});

describe("packAddress() and unpackAddress()", () => {
  it("round-trip every IPv4 address and port", () => {
    fc.assert(fc.property(fc.ipV4(), fc.nat(65535), (host, port) => {
      expect(roundTrip({ host, port })).toEqual({ family: "ipv4", host, port });
    }));
  });

  it("write IPv6 addresses as RFC 5952 says", () => {
    for (
      const [from, to] of [
        ["2001:0db8::0001", "2001:db8::1"],
        ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
        ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"], // one group alone is not shortened
        ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"], // the longest run
        ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], // the first of equal ones
        ["2001:DB8:AAAA::Ab", "2001:db8:aaaa::ab"],
        ["0:0:0:0:0:0:0:0", "::"],
        ["::1", "::1"],
        ["1::", "1::"],
        ["1:0:0:0:0:0:0:8", "1::8"],
        ["10:0:0:20:0:0:0:100", "10:0:0:20::100"],
        ["0:0:0:1::", "0:0:0:1::"],
        ["::ffff:127.0.0.1", "::ffff:127.0.0.1"],
        ["::ffff:0:0", "::ffff:0.0.0.0"],
        ["::fffe:127.0.0.1", "::fffe:7f00:1"],
      ]
    ) expect(written(from!)).toBe(to!);
  });

  it("write any IPv6 address as URL does (RFC 5952), mapped ones aside", () => {
    // Zeros often enough that runs of all lengths and places occur.
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff), fc.constantFrom(1, 0x10, 0xff00));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const host = groups.map((g) => g.toString(16)).join(":");
        const url = new URL(`http://[${host}]/`).hostname.slice(1, -1);
        if (url.startsWith("::ffff:") && url.split(":").length === 5) return;
        expect(written(host)).toBe(url);
      }),
      { numRuns: 2000 },
    );
  });

  it("round-trip whatever net.isIPv6 accepts", () => {
    fc.assert(fc.property(fc.ipV6(), fc.nat(65535), (host, port) => {
      const address = roundTrip({ host, port }) as { host: string; port: number };
      expect(isIPv6(address.host)).toBe(true);
      expect(address.port).toBe(port);
      expect([...addressBytes(address.host)]).toEqual([...addressBytes(host)]);
      expect(written(address.host)).toBe(address.host);
    }));
  });

  it("keep the zone of a link-local address, by number", () => {
    expect(written("fe80::1%7")).toBe("fe80::1%7");
    expect(() => roundTrip({ host: "fe80::1%no-such-interface", port: 1 })).toThrow(
      /^Cannot find the interface no-such-interface: (ENODEV|EADDRNOTAVAIL) \(/,
    );
  });

  it("turn the name of an interface into its number, also where a global address comes first", () => {
    const linked = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
      all!.filter((a) => a.family === "IPv6" && a.scopeid! > 0).map((a) => ({ name, ...a }))
    ) as { name: string; scopeid: number }[];
    if (linked.length === 0) console.log("skipped: no interface has a link-local address");
    for (const { name, scopeid } of linked) {
      expect(written(`fe80::1%${name}`)).toBe(`fe80::1%${scopeid}`);
    }
  });

  it("round-trip the paths of Unix sockets", () => {
    for (const path of ["/tmp/socket", "relative", "/tmp/ä ö", "x".repeat(107)]) {
      expect(roundTrip(path)).toEqual({ family: "unix", path });
    }
    expect(() => roundTrip("x".repeat(108))).toThrow(RangeError);
    expect(() => roundTrip("ä".repeat(54))).toThrow(RangeError); // bytes count, not characters
    expect(() => roundTrip("")).toThrow(RangeError);
    expect(() => roundTrip("/tmp/a\0b")).toThrow(RangeError); // the kernel would see /tmp/a
    expect(() => roundTrip("/tmp/\ud800")).toThrow(RangeError); // no bytes are meant by that
  });

  it("read an unnamed and a full-length Unix address", () => {
    memory.setUint16(0, 1, true);
    expect(unpackAddress(memory, 2)).toEqual({ family: "unix", path: "" });
    packAddress(memory, "y".repeat(107));
    memory.setUint8(2 + 107, 0x79); // 108 bytes without a NUL are legal in sockaddr_un
    expect(unpackAddress(memory, 110)).toEqual({ family: "unix", path: "y".repeat(108) });
  });

  it("refuse bad ports and hosts, and leave no bytes of an earlier address behind", () => {
    expect(() => roundTrip({ host: "127.0.0.1", port: 65536 })).toThrow(RangeError);
    expect(() => roundTrip({ host: "name", port: 1 })).toThrow(RangeError);
    packAddress(memory, "z".repeat(107));
    const length = packAddress(memory, { host: "1.2.3.4", port: 5 });
    expect([...new Uint8Array(memory.buffer, length)].every((byte) => byte === 0)).toBe(true);
  });
});

describe("resolveHost()", () => {
  it("is the address itself for an address", async () => {
    expect(await resolveHost("127.0.0.1")).toEqual(["127.0.0.1"]);
    expect(await resolveHost("::1")).toEqual(["::1"]);
    expect(await resolveHost("fe80::1%1")).toEqual(["fe80::1%1"]);
    expect(await resolveHost("::1", 6)).toEqual(["::1"]);
  });

  it("is the loopback for localhost, of the family asked for", async () => {
    expect(await resolveHost("localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(await resolveHost("localhost", 4)).toEqual(["127.0.0.1"]);
    expect(await resolveHost("localhost", 6)).toEqual(["::1"]);
  });

  const failure = async (host: string, family?: 4 | 6) => {
    const error = await resolveHost(host, family).catch((reason) => reason);
    expect(error instanceof ResolveError).toBe(true);
    expect(error.message).toMatch(/: (ENOTFOUND|EAI_AGAIN|EADDRFAMILY) \(no [a-z ]+\)$/);
    expect(error.message.startsWith(`Cannot resolve ${host}: ${error.code}`)).toBe(true);
    return error.code;
  };

  it("throws ResolveError for an address of the other family", async () => {
    expect(await failure("127.0.0.1", 6)).toBe("EADDRFAMILY");
    expect(await failure("::1", 4)).toBe("EADDRFAMILY");
  });

  it("throws ResolveError for a name that nobody knows", async () => {
    // EAI_AGAIN, or another word for it, where there is no resolver to ask.
    expect(await failure("no-such-host.invalid")).toMatch(/^(ENOTFOUND|E[A-Z_]+)$/);
  });

  it("throws ResolveError for the empty name, and for the one of every address", async () => {
    for (const host of ["", "*"]) expect([host, await failure(host)]).toEqual([host, "ENOTFOUND"]);
  });

  it("literalAddresses() has nothing for other names", () => {
    for (const host of ["", "example.com", "localhost.", "1.2.3"]) {
      expect(literalAddresses(host)).toBe(undefined);
    }
  });
});
