// Which connections were slowest, kept without looking at all of them.
import { describe, expect, it } from "bun:test";
import type { TransportInfo } from "../../../../lib/engine/mod.ts";
import { SlowConnections, SLOWEST } from "../../../../lib/stress/generator/connections/slowest.ts";
import { randomOf } from "../../../support/sample_results.ts";

const told = {
  rttVariationUs: 2,
  retransmits: 3,
  lost: 4,
  congestionWindow: 5,
  unacknowledged: 6,
  acknowledgedBytes: 7,
  lastAckMs: 8,
};

/** A connection whose round trip is its number. */
class Peer {
  closed = false;
  asked = 0;
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
  transportInfo(): TransportInfo | null {
    this.asked++;
    return this.closed ? null : { rttUs: this.number, ...told };
  }
}

const peersOf = (count: number) => Array.from({ length: count }, (_, number) => new Peer(number));
const numbers = (slow: SlowConnections) => slow.list().map(({ connection }) => connection);

describe("SlowConnections", () => {
  it("keeps the five slowest, worst first, whatever the order they come in", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = randomOf(seed);
      const count = 1 + Math.floor(random() * 20);
      const peers = peersOf(count);
      const slow = new SlowConnections(count);
      const worst = new Map<number, number>();
      for (let i = 0; i < 300; i++) {
        const peer = peers[Math.floor(random() * count)]!;
        const ms = Math.ceil(random() * 1e6) / 1000;
        slow.note(peer, peer.number, ms);
        worst.set(peer.number, Math.max(worst.get(peer.number) ?? 0, ms));
      }
      const expected = [...worst].sort((a, b) => b[1] - a[1]).slice(0, SLOWEST);
      expect(slow.list().map(({ connection, latency_us }) => [connection, latency_us]))
        .toEqual(expected.map(([number, ms]) => [number, Math.round(ms * 10_000) / 10]));
    }
  });

  it("tells what the kernel tells", () => {
    const slow = new SlowConnections(1);
    slow.note(new Peer(77), 77, 1.5);
    expect(slow.list()).toEqual([{
      ...{ connection: 77, latency_us: 1500, rtt_us: 77, rtt_variation_us: 2, retransmits: 3 },
      ...{ lost_segments: 4, congestion_window: 5, unacknowledged: 6 },
    }]);
  });

  it("asks nobody of those that are not slow, and few of those that get slower", () => {
    const peers = peersOf(1000);
    const slow = new SlowConnections(1000);
    for (const peer of peers) slow.note(peer, peer.number, 1000 - peer.number);
    for (const peer of peers) slow.note(peer, peer.number, 0.1);
    expect(peers.slice(SLOWEST).some(({ asked }) => asked > 0)).toBe(false);
    // Every reply is slower than all before, as with a target that can't keep up.
    const rising = peersOf(20_000);
    const start = performance.now();
    for (const peer of rising) slow.note(peer, peer.number, 2000 + peer.number);
    const ms = performance.now() - start;
    const asked = rising.reduce((sum, peer) => sum + peer.asked, 0);
    expect(asked <= SLOWEST * (ms + 2)).toBe(true);
    expect(numbers(slow)).toEqual([19_999, 19_998, 19_997, 19_996, 19_995]);
  });

  it("knows those that have closed since, and leaves out those that nobody has asked", () => {
    const slow = new SlowConnections(5);
    const [known, missed] = [new Peer(1), new Peer(2)];
    slow.note(known, 1, 5);
    slow.ask();
    known.closed = true;
    missed.closed = true;
    slow.note(missed, 2, 6);
    expect(numbers(slow)).toEqual([1]);
  });

  it("does not ask again for a wait during which it has asked", () => {
    const slow = new SlowConnections(1);
    const peer = new Peer(1);
    slow.note(peer, 1, 50); // a sweep: it waits already
    slow.ask();
    slow.note(peer, 1, 60); // the reply to the same message
    expect(slow.list()[0]!.latency_us).toBe(60_000);
    expect(peer.asked).toBe(1);
  });

  it("is empty where the system does not tell", () => {
    const slow = new SlowConnections(1);
    slow.note({ closed: false, transportInfo: () => null }, 0, 1);
    expect(slow.list()).toEqual([]);
  });
});
