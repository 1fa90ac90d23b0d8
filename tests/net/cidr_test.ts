// Networks: what is in them, for IPv4, IPv6 and IPv4 within IPv6, and beside the runtime's own BlockList.
import { describe, expect, it } from "bun:test";
import { BlockList } from "node:net";
import fc from "fast-check";
import { canonicalBytes, contains, hostsOf, parseCidr } from "../../lib/net/cidr.ts";

const isIn = (address: string, network: string) =>
  contains(parseCidr(network), canonicalBytes(address));

describe("parseCidr() and contains()", () => {
  const cases: [address: string, network: string, inside: boolean][] = [
    ["192.0.2.0", "192.0.2.0/24", true],
    ["192.0.2.255", "192.0.2.0/24", true],
    ["192.0.3.0", "192.0.2.0/24", false],
    ["192.0.1.255", "192.0.2.0/24", false],
    ["10.1.2.3", "10.9.9.9/8", true], // bits behind the prefix have no meaning
    ["192.0.2.129", "192.0.2.128/25", true],
    ["192.0.2.127", "192.0.2.128/25", false],
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.2", "127.0.0.1", false],
    ["127.0.0.2", "127.0.0.1/32", false],
    ["8.8.8.8", "0.0.0.0/0", true],
    ["::1", "0.0.0.0/0", false],
    ["8.8.8.8", "::/0", false],
    ["::1", "::/0", true],
    ["::1", "::1", true],
    ["2001:db8::1", "2001:db8::/32", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["2001:db8:8000::", "2001:db8::/33", false],
    ["fe80::1%2", "fe80::/10", true],
    ["::ffff:192.0.2.7", "192.0.2.0/24", true],
    ["::ffff:192.0.3.7", "192.0.2.0/24", false],
    ["192.0.2.7", "::ffff:192.0.2.0/120", true],
    ["::ffff:192.0.2.7", "::ffff:c000:200/120", true],
    ["192.0.3.7", "::ffff:192.0.2.0/120", false],
    ["192.0.3.7", "::ffff:0:0/96", true],
    ["192.0.3.7", "::/0", false],
  ];
  for (const [address, network, inside] of cases) {
    it(`${address} is ${inside ? "" : "not "}in ${network}`, () => {
      expect(isIn(address, network)).toBe(inside);
    });
  }

  for (
    const [text, why] of [
      ["192.0.2.0/33", /the most is \/32/],
      ["::/129", /the most is \/128/],
      ["192.0.2/24", /no network/],
      ["192.0.2.0/", /no network/],
      ["192.0.2.0/-1", /no network/],
      ["192.0.2.0/24/1", /no network/],
      ["localhost", /no network/],
      ["", /no network/],
      ["fe80::%2/64", /no network/],
      ["::ffff:10.0.0.0/8", /of ::ffff:10\.0\.0\.0 the least is \/96; or use 10\.0\.0\.0\/N/],
      ["::ffff:0:0/95", /the least is \/96/],
    ] as const
  ) {
    it(`"${text}" is refused, with what would be right`, () => {
      expect(() => parseCidr(text)).toThrow(why);
      expect(() => parseCidr(text)).toThrow(RangeError);
    });
  }

  it("agrees with net.BlockList about any IPv4 address and network", () => {
    const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
    fc.assert(
      fc.property(octets, fc.integer({ min: 1, max: 32 }), fc.nat(31), (base, prefix, flip) => {
        const list = new BlockList();
        list.addSubnet(base.join("."), prefix, "ipv4");
        const other = [...base];
        other[flip >> 3]! ^= 0x80 >> (flip & 7); // one bit away: inside or outside by that bit alone
        const address = other.join(".");
        expect(isIn(address, `${base.join(".")}/${prefix}`)).toBe(list.check(address, "ipv4"));
      }),
      { numRuns: 300 },
    );
  });
});

describe("hostsOf()", () => {
  const hosts = (text: string) => [...hostsOf(parseCidr(text))];

  it("are all addresses of a network, less the two of IPv4 that no host has", () => {
    expect(hosts("10.1.2.77/30")).toEqual(["10.1.2.77", "10.1.2.78"]);
    expect(hosts("10.1.2.77/31")).toEqual(["10.1.2.76", "10.1.2.77"]);
    expect(hosts("10.1.2.77")).toEqual(["10.1.2.77"]);
    expect(hosts("2001:db8::ff/126").length).toBe(4);
    expect(hosts("2001:db8::ff/127")).toEqual(["2001:db8::fe", "2001:db8::ff"]);
    expect(hosts("127.0.0.0/20").length).toBe(4094);
    expect(hosts("127.0.0.0/20").slice(254, 257)).toEqual([
      "127.0.0.255",
      "127.0.1.0",
      "127.0.1.1",
    ]);
  });
});
