// The lingering close: our side ends first while the peer still sends. The answer arrives whole, what
// comes after it is discarded, and nobody can keep the connection open for ever by it.
import { describe, expect, it } from "bun:test";
import { startServe } from "../support/cli.ts";
import { pattern } from "../support/engines.ts";
import { Peer } from "../support/peers.ts";
import { sleep } from "../support/waiting.ts";

describe("serve, when its side ends first", () => {
  it("input that nobody will read does not destroy the answer, however late it is read", async () => {
    await using server = await startServe(["--service", "daytime"]);
    const peers = Array.from({ length: 20 }, () => Peer.dial(server));
    const junk = pattern(300_000);
    let sent = 0;
    for (let round = 0; round < 5; round++) {
      for (const peer of peers) sent += peer.trySend(junk);
      await sleep(20);
    }
    for (const peer of peers) {
      expect(new TextDecoder().decode(await peer.readToEnd())).toMatch(/GMT\r\n$/);
      peer.end();
    }
    const { bytes_in, closed, errors } = await server.statsWhen(({ active }) => active === 0);
    expect({ bytes_in, closed, errors }).toEqual({ bytes_in: sent, closed: 20, errors: {} });
    for (const peer of peers) peer.reset();
  });

  it("a peer that then says nothing for 5 s is closed, long before --fin-timeout", async () => {
    await using server = await startServe(["--service", "daytime", "--fin-timeout", "1m"]);
    using silent = Peer.dial(server);
    using talking = Peer.dial(server);
    const start = performance.now();
    expect((await silent.readToEnd()).length).toBeGreaterThan(20);
    while (performance.now() - start < 4000) {
      talking.trySend(pattern(10));
      await sleep(50);
    }
    expect((await server.stats()).active).toBe(2);
    expect((await server.statsWhen(({ active }) => active === 1, 20_000)).active).toBe(1);
    expect(performance.now() - start).toBeGreaterThanOrEqual(4900);
    expect(performance.now() - start).toBeLessThan(25_000);
    talking.trySend(pattern(10)); // still there: it was heard from 4 s ago
    await sleep(50);
    const { active, errors } = await server.stats();
    expect({ active, errors }).toEqual({ active: 1, errors: {} });
  });

  it("a peer that talks without end is cut after --fin-timeout", async () => {
    await using server = await startServe(["--service", "daytime", "--fin-timeout", "400ms"]);
    using peer = Peer.dial(server);
    await peer.readToEnd();
    const start = performance.now();
    const error = await (async () => {
      while (performance.now() - start < 12_000) {
        peer.trySend(pattern(1000));
        await sleep(10);
      }
    })().catch((error) => error.code);
    expect(["EPIPE", "ECONNRESET"]).toContain(error);
    expect(performance.now() - start).toBeGreaterThan(300);
    expect(performance.now() - start).toBeLessThan(10_000);
    expect((await server.statsWhen(({ active }) => active === 0)).active).toBe(0);
  });
});
