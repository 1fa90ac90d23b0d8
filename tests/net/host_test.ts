import { describe, expect, it } from "bun:test";
import { isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { getAvailablePort, getNetworkAddress, Socket } from "../../lib/net/mod.ts";
import { ownership, portOf } from "../support/sockets.ts";

describe("getAvailablePort()", () => {
  const own = ownership();

  it("is a port that one can listen on", () => {
    const port = getAvailablePort();
    expect(port).toBeGreaterThan(1023);
    expect(port).toBeLessThan(65536);
    const [socket] = own(Socket.listen({ host: "127.0.0.1", port }));
    expect(portOf(socket)).toBe(port);
  });

  it("is the preferred port when that is free", () => {
    const preferredPort = getAvailablePort();
    expect(getAvailablePort({ preferredPort })).toBe(preferredPort);
    expect(getAvailablePort({ preferredPort })).toBe(preferredPort); // and it was given back
  });

  it("is another one when somebody listens on the preferred port", () => {
    for (const host of ["0.0.0.0", "127.0.0.1"]) {
      const [taken] = own(Socket.listen({ host }));
      const port = getAvailablePort({ preferredPort: portOf(taken) });
      expect(port).not.toBe(portOf(taken));
      expect(port).toBeGreaterThan(1023);
    }
  });

  it("takes no preference, or 0, for any port", () => {
    expect(getAvailablePort({})).toBeGreaterThan(1023);
    expect(getAvailablePort({ preferredPort: 0 })).toBeGreaterThan(1023);
  });

  it("throws RangeError for what is no port", () => {
    expect(() => getAvailablePort({ preferredPort: 70000 })).toThrow(RangeError);
  });
});

describe("getNetworkAddress()", () => {
  const others = Object.values(networkInterfaces()).flatMap((all) => all!)
    .filter((a) => !a.internal);

  it("is an address of this machine that others can reach, of the family asked for", () => {
    for (const family of [undefined, "IPv4", "IPv6"] as const) {
      const wanted = family ?? "IPv4";
      const found = others.filter((a) => a.family === wanted && !a.scopeid).map((a) => a.address);
      const address = getNetworkAddress(family);
      if (found.length === 0) expect(address).toBe(undefined);
      else expect(found.includes(address!)).toBe(true);
    }
  });

  it("is neither loopback nor link-local", () => {
    const [v4, v6] = [getNetworkAddress("IPv4"), getNetworkAddress("IPv6")];
    if (v4) expect([isIPv4(v4), v4.startsWith("127.")]).toEqual([true, false]);
    if (v6) expect([isIPv6(v6), /^(fe80|::1$)/.test(v6)]).toEqual([true, false]);
  });
});
