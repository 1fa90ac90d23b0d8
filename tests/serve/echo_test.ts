// echo and upper: every byte that came before the client's FIN is answered, in order, before the server's.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { availableSelectors } from "../../lib/selectors/mod.ts";
import { startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { exchange, Peer } from "../support/peers.ts";
import { tries } from "../support/runtime.ts";
import { sleep } from "../support/waiting.ts";

describe("serve --service echo", () => {
  it("answers any size, byte-exact, and ends after the client", async () => {
    await using server = await startServe();
    for (const size of [0, 1, 1023, 1024, 65_535, 65_536, 65_537, 1 << 20, 5_000_001]) {
      const sent = pattern(size, size + 1);
      expectSameBytes(await exchange(server, sent), sent);
    }
  });

  it("answers 20 MB to a reader that begins late and reads slowly", async () => {
    await using server = await startServe(["--stats"]);
    using peer = Peer.dial(server);
    const sent = pattern(20_000_000);
    const sending = peer.send(sent, 30_000).then(() => peer.end());
    await sleep(200);
    const parts: Uint8Array[] = [];
    let at = 0;
    for (let reads = 0; !peer.ended; reads++) {
      const part = peer.tryRead();
      parts.push(part);
      at += part.length;
      if (reads < 100 || part.length === 0) await sleep(reads < 100 ? 5 : 1);
    }
    await sending;
    expect(at).toBe(sent.length);
    expectSameBytes(Buffer.concat(parts), sent);
    await server.stop();
    const stats = server.lastStats();
    expect([stats.bytes_in, stats.bytes_out]).toEqual([sent.length, sent.length]);
    expect(stats.max_buffered).toBeLessThanOrEqual(1 << 20);
    expect(stats.errors).toEqual({});
  });

  it("answers everything before its FIN, for any chunks, pauses and buffer sizes", async () => {
    const chunk = fc.tuple(fc.oneof(fc.nat(10), fc.nat(3000), fc.nat(200_000)), fc.nat(3));
    for (const buffer of ["2", "1KiB", "1MiB"]) {
      await using server = await startServe(["--max-buffer", buffer]);
      const limit = buffer === "2" ? 2000 : 200_000; // a byte at a time is slow
      await fc.assert(
        fc.asyncProperty(fc.array(chunk, { maxLength: 8 }), async (chunks) => {
          using peer = Peer.dial(server);
          const parts = chunks.map(([size], i) => pattern(size % limit, i));
          const sending = (async () => {
            for (const [i, part] of parts.entries()) {
              await peer.send(part);
              if (chunks[i]![1] === 3) await sleep(1);
            }
            peer.end();
          })();
          const [answer] = await Promise.all([peer.readToEnd(), sending]);
          expectSameBytes(answer, Buffer.concat(parts));
        }),
        { numRuns: tries(40), interruptAfterTimeLimit: 1500 },
      );
    }
  });

  it("answers a client that sends and half-closes at once, and reads only later", async () => {
    await using server = await startServe();
    using peer = Peer.dial(server);
    const sent = pattern(200_000);
    await peer.send(sent);
    peer.end();
    await sleep(100);
    expectSameBytes(await peer.readToEnd(), sent);
  });

  it("serves 50 clients at the same time, each its own bytes", async () => {
    await using server = await startServe();
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const sent = pattern(30_000 + i * 1000, i + 1);
      expectSameBytes(await exchange(server, sent), sent);
    }));
    expect((await server.stats()).accepted).toBe(50);
  });
});

describe("serve --selector", () => {
  for (const { name, available } of availableSelectors()) {
    if (!available) continue;
    it(`${name}: echoes, and says in the statistics that it is used`, async () => {
      await using server = await startServe(["--selector", name, "--stats"]);
      const sent = pattern(3_000_000);
      expectSameBytes(await exchange(server, sent), sent);
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      expect(server.lastStats().selector).toBe(name);
    });
  }
});

describe("serve --service upper", () => {
  it("changes the letters a to z and no other byte", async () => {
    await using server = await startServe(["--service", "upper"]);
    const every = Uint8Array.from({ length: 256 }, (_, i) => i);
    const expected = every.map((byte) => byte >= 97 && byte <= 122 ? byte - 32 : byte);
    expectSameBytes(await exchange(server, every), expected);
    expect(new TextDecoder().decode(await exchange(server, "Hello, wörld!\n"))).toBe(
      "HELLO, WöRLD!\n",
    );
  });

  it("answers a large stream byte-exact", async () => {
    await using server = await startServe(["--service", "upper", "--max-buffer", "10KB"]);
    const sent = pattern(2_000_000);
    const expected = sent.map((byte) => byte >= 97 && byte <= 122 ? byte - 32 : byte);
    expectSameBytes(await exchange(server, sent), expected);
  });
});
