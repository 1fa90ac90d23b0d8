// Who may connect: --allow, --deny, --max-per-address. Who may not is closed at once and counted.
import { describe, expect, it } from "bun:test";
import { AddressCounts, addressKey } from "../../lib/serve/address_counts.ts";
import { canonicalBytes } from "../../lib/net/cidr.ts";
import { spawnCli, startServe } from "../support/cli.ts";
import { exchange, Peer } from "../support/peers.ts";

/** Whether a client from a local address is served. */
async function isServed(port: number, from: string, host = "127.0.0.1"): Promise<boolean> {
  using peer = Peer.dial({ host, port, bind: { host: from } });
  peer.trySend(new TextEncoder().encode("hello"));
  const answer = await peer.read(5).catch(() => ""); // closed with unread input: a reset
  return answer.length === 5;
}

describe("serve --allow and --deny", () => {
  const cases: [args: string[], served: Record<string, boolean>][] = [
    [["--deny", "127.0.0.2"], { "127.0.0.1": true, "127.0.0.2": false, "127.0.0.3": true }],
    [["--deny", "127.0.0.2/31"], { "127.0.0.1": true, "127.0.0.2": false, "127.0.0.3": false }],
    [["--allow", "127.0.0.2"], { "127.0.0.1": false, "127.0.0.2": true }],
    [["--allow", "127.0.0.2", "--allow", "127.0.1.0/24"], {
      ...{ "127.0.0.1": false, "127.0.0.2": true, "127.0.1.9": true },
    }],
    [["--allow", "127.0.0.2,127.0.1.0/24"], { "127.0.0.2": true, "127.0.1.9": true }],
    // --deny wins, whatever the order and however narrow the other.
    [["--allow", "127.0.0.2", "--deny", "127.0.0.0/8"], { "127.0.0.2": false }],
    [["--deny", "127.0.0.2", "--allow", "127.0.0.0/8"], { "127.0.0.2": false, "127.0.0.3": true }],
    [["--deny", "::/0"], { "127.0.0.1": true }],
  ];
  for (const [args, served] of cases) {
    it(`${args.join(" ")}: ${JSON.stringify(served)}`, async () => {
      await using server = await startServe(args);
      for (const [from, expected] of Object.entries(served)) {
        expect(`${from} ${await isServed(server.port, from)}`).toBe(`${from} ${expected}`);
      }
      const all = Object.values(served);
      const denied = all.filter((each) => !each).length;
      const stats = await server.statsWhen(({ active }) => active === 0);
      expect([stats.accepted, stats.denied, stats.rejected, stats.closed])
        .toEqual([all.length, denied, 0, all.length - denied]);
      expect(stats.peak).toBeLessThanOrEqual(all.length - denied); // who is denied is never connected
    });
  }

  it("on a dual-stack listener IPv4 clients are IPv4 clients", async () => {
    await using server = await startServe([
      "-H",
      "::",
      "--allow",
      "127.0.0.2/32",
      "--allow",
      "::1",
    ]);
    expect(await isServed(server.port, "127.0.0.2")).toBe(true);
    expect(await isServed(server.port, "127.0.0.1")).toBe(false);
    expect(await isServed(server.port, "::1", "::1")).toBe(true);
    await using other = await startServe(["-H", "::", "--deny", "::ffff:127.0.0.0/104"]);
    expect(await isServed(other.port, "127.0.0.1")).toBe(false);
    expect(await isServed(other.port, "::1", "::1")).toBe(true);
  });

  it("take a list from their variables", async () => {
    const env = { IOMUX_SERVE_ALLOW: "127.0.0.2, 127.0.0.3", IOMUX_SERVE_DENY: "127.0.0.3" };
    await using server = await startServe([], { env });
    expect(await isServed(server.port, "127.0.0.2")).toBe(true);
    expect(await isServed(server.port, "127.0.0.3")).toBe(false);
    expect(await isServed(server.port, "127.0.0.1")).toBe(false);
  });

  it("are not there when their variables are empty, as docs/security.md says", async () => {
    const env = { IOMUX_SERVE_ALLOW: "", IOMUX_SERVE_DENY: "" };
    await using server = await startServe([], { env });
    expect(await isServed(server.port, "127.0.0.1")).toBe(true);
    await using refused = spawnCli(["serve", "-p", "0", "--allow", ""]);
    expect((await refused.exit).code).toBe(2);
  });
});

describe("serve --max-per-address", () => {
  for (const workers of [1, 2]) {
    it(`with ${workers} worker(s): each address has its own places, given back at the end`, async () => {
      const args = ["--max-per-address", "3", "--workers", `${workers}`];
      await using server = await startServe(args);
      const from = (host: string) => Peer.dial({ port: server.port, bind: { host } });
      const answered = async (peer: Peer) => {
        await peer.send("?");
        return (await peer.text(1)) === "?";
      };
      const peers = [1, 1, 1, 2, 2, 2].map((last) => from(`127.0.0.${last}`));
      for (const peer of peers) expect(await answered(peer)).toBe(true);
      for (const last of [1, 2, 1, 2]) {
        using refused = from(`127.0.0.${last}`);
        expect(await refused.isOver()).toBe(true);
      }
      let stats = await server.stats();
      expect([stats.accepted, stats.active, stats.denied, stats.rejected]).toEqual([10, 6, 4, 0]);
      peers[0]!.reset();
      peers[3]!.end();
      await peers[3]!.readToEnd();
      await server.statsWhen(({ active }) => active === 4);
      peers.push(from("127.0.0.1"), from("127.0.0.2"));
      for (const peer of peers.slice(-2)) expect(await answered(peer)).toBe(true);
      using refused = from("127.0.0.1");
      expect(await refused.isOver()).toBe(true);
      for (const peer of peers) peer.reset();
      stats = await server.statsWhen(({ active }) => active === 0);
      expect([stats.active, stats.denied, stats.closed]).toEqual([0, 5, 8]);
    });
  }

  it("one that --max-connections rejects does not keep its place", async () => {
    await using server = await startServe(["--max-per-address", "2", "--max-connections", "1"]);
    const first = Peer.dial(server);
    await first.send("?");
    await first.text(1);
    for (let i = 0; i < 5; i++) {
      using rejected = Peer.dial(server);
      expect(await rejected.isOver()).toBe(true);
    }
    const stats = await server.stats();
    expect([stats.rejected, stats.denied]).toEqual([5, 0]);
    first.reset();
    await server.statsWhen(({ active }) => active === 0);
    expect((await exchange(server, "hello")).length).toBe(5);
  });
});

describe("serve --max-per-address", () => {
  it("counts an IPv6 address as its /64, and an IPv4 address as itself", () => {
    const counts = new AddressCounts(AddressCounts.memoryFor(10));
    const enter = (host: string) => counts.enter(addressKey(canonicalBytes(host)), 1);
    expect(enter("2001:db8:1:2::1")).toBe(true);
    expect(enter("2001:db8:1:2:ffff::9")).toBe(false);
    expect(enter("2001:db8:1:3::1")).toBe(true);
    expect(enter("192.0.2.1")).toBe(true);
    expect(enter("192.0.2.2")).toBe(true);
    expect(enter("::ffff:192.0.2.1")).toBe(false);
    expect(enter("::1")).toBe(true);
    expect(enter("::2")).toBe(false);
  });

  it("starts with any --max-connections, within the memory that there is", async () => {
    await using server = await startServe(["--max-per-address", "1", "--max-connections", "1000m"]);
    using first = Peer.dial(server);
    await first.send("?");
    expect(await first.text(1)).toBe("?");
    using second = Peer.dial(server);
    expect(await second.isOver()).toBe(true);
    expect((await server.stats()).denied).toBe(1);
  });
});

describe("AddressCounts", () => {
  it("refuses when it is full, and has room again", () => {
    const counts = new AddressCounts(AddressCounts.memoryFor(2)); // 8 slots
    const keys = Array.from({ length: 9 }, (_, i) => addressKey(canonicalBytes(`10.0.0.${i}`)));
    const entered = keys.map((key) => counts.enter(key, 5));
    expect(entered.filter(Boolean).length).toBe(6);
    counts.leave(keys[0]!);
    expect(counts.enter(keys[8]!, 5)).toBe(true);
    expect(counts.enter(keys[8]!, 5)).toBe(true); // it has a slot
  });

  it("counts as a Map does, for many addresses that come and go", () => {
    const counts = new AddressCounts(AddressCounts.memoryFor(300));
    const other = new AddressCounts(AddressCounts.memoryFor(300));
    const model = new Map<number, number>();
    const keys = Array.from(
      { length: 250 },
      (_, i) =>
        addressKey(canonicalBytes(i % 2 ? `10.0.${i}.1` : `2001:db8:0:${i.toString(16)}::1`)),
    );
    let seed = 7, open = 0;
    const random = (to: number) =>
      (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0, seed >>> 8) % to;
    for (let step = 0; step < 20_000; step++) {
      const i = random(keys.length);
      const now = model.get(i) ?? 0;
      if (random(2) === 0 && open < 300) {
        expect(counts.enter(keys[i]!, 3)).toBe(now < 3);
        if (now < 3) open++, model.set(i, now + 1);
      } else if (now > 0) {
        counts.leave(keys[i]!);
        open--, model.set(i, now - 1);
      }
    }
    for (const [i, key] of keys.entries()) {
      for (let left = model.get(i) ?? 0; left < 3; left++) expect(counts.enter(key, 3)).toBe(true);
      expect(counts.enter(key, 3)).toBe(false);
      if (i >= 90) break; // the table has room for as many
    }
    expect(other.enter(keys[0]!, 1)).toBe(true);
  });
});
