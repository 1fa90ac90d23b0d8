// IP addresses as text: the same ones as node:net knows, and no others.
import { describe, expect, it } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { bytesOfIp, familyOf } from "../../lib/sys/socket/ip.ts";

/** Texts of the characters that addresses have, most of which are none. */
const group = fc.constantFrom(
  "",
  "0",
  "1",
  "ab",
  "FFFF",
  "12345",
  "g",
  "255",
  "256",
  "01",
  "1.2.3.4",
);
const texts = fc.oneof(
  fc.tuple(fc.array(group, { maxLength: 10 }), fc.constantFrom(":", "."))
    .map(([groups, between]) => groups.join(between)),
  fc.ipV4(),
  fc.ipV6(),
  fc.tuple(fc.ipV6(), fc.nat(40), fc.constantFrom(":", "::", "0", ".", " ", "-"))
    .map(([text, at, extra]) => text.slice(0, at) + extra + text.slice(at)),
);

describe("familyOf()", () => {
  it("says what node:net says of any text", () => {
    fc.assert(
      fc.property(texts, (text) => expect([text, familyOf(text) ?? 0]).toEqual([text, isIP(text)])),
      { numRuns: 3000 },
    );
  });

  it("takes a zone of IPv6 only, and no empty or impossible one", () => {
    for (const zone of ["eth0", "1", "4294967295", "a%b"]) {
      expect(familyOf(`fe80::1%${zone}`)).toBe(6);
    }
    for (
      const host of ["127.0.0.1%lo", "127.0.0.1%", "::1%", "::1%4294967296", "name%lo", "name"]
    ) {
      expect([host, familyOf(host)]).toEqual([host, undefined]);
    }
  });
});

describe("bytesOfIp()", () => {
  it("takes no zone, as an address in bytes has none", () => {
    expect(bytesOfIp("fe80::1%eth0")).toBe(undefined);
    expect([...bytesOfIp("1::ffff:1.2.3.4")!]).toEqual(
      [0, 1, ...Array(8).fill(0), 255, 255, 1, 2, 3, 4],
    );
  });
});
