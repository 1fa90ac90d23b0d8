// serve --handler and connections that come back: bytes that arrive meanwhile, and descriptors that don't.
import { describe, expect, it } from "bun:test";
import { type RunningServer, startServe } from "../../support/cli.ts";
import { ask, handlerAt, startHandling } from "../../support/handoff.ts";
import { Peer } from "../../support/peers.ts";
import { sleep } from "../../support/waiting.ts";

describe("serve --handler and bytes that are put back", () => {
  for (const handler of ["half_lines.ts", "one_recv.ts"]) {
    it(`more arrives before the handler has returned: it is called again, with all of them: ${handler}`, async () => {
      await using server = await startServe(["--handler", handlerAt(handler)]);
      for (let round = 0; round < 20; round++) {
        using peer = Peer.dial(server);
        await peer.send("half of ");
        await sleep(5 + round); // the handler has them, and takes 20 ms to put them back
        await peer.send("a line\n");
        expect(await peer.text(15)).toBe("half of a line\n");
        peer.end();
        expect((await peer.readToEnd()).length).toBe(0);
      }
      expect((await server.statsWhen(({ active }) => active === 0)).errors).toEqual({});
    });
  }

  it("some put back and the rest never received: tried again, without spinning", async () => {
    await using server = await startServe(["--handler", handlerAt("half_lines.ts")]);
    using peer = Peer.dial(server);
    await peer.send("x".repeat(40)); // it receives 16 bytes at a time
    await sleep(600);
    const { handoffs, active } = await server.stats();
    expect(active).toBe(1);
    expect(handoffs).toBeLessThan(20);
  });
});

describe("serve --handler and a handler that closes its descriptor by number", () => {
  const fine = async (server: RunningServer, witness: Peer) => {
    await ask(witness, "still here", "still here");
    using other = Peer.dial(server);
    await ask(other, "and I", "and I");
    const { worker_restarts } = await server.stats();
    expect(worker_restarts).toBe(0);
  };

  for (const line of ["close", "close and end", "close and throw"]) {
    for (const workers of [1, 4]) {
      it(`${line}, ${workers} handler worker(s): its own connection only`, async () => {
        const args = ["--handler", handlerAt("descriptors.ts"), "--handler-workers", `${workers}`];
        await using server = await startServe(args);
        using witness = Peer.dial(server);
        await ask(witness, "hello", "hello");
        for (let round = 0; round < 5; round++) {
          using victim = Peer.dial(server);
          await victim.send(`${line}\n`);
          // Others come at the same moment, and get the number that has become free.
          const others = Array.from({ length: 5 }, () => Peer.dial(server));
          for (const [i, other] of others.entries()) await ask(other, `${i}`, `${i}`);
          expect(await victim.isOver()).toBe(true);
          victim.reset();
          for (const [i, other] of others.entries()) {
            await ask(other, `again ${i}`, `again ${i}`);
            other.reset();
          }
          await fine(server, witness);
        }
        witness.end();
        await witness.readToEnd();
        expect((await server.stop()).code).toBe(0);
      });
    }
  }

  it("a handler that fails with input unread does not reset its peer", async () => {
    await using server = await startHandling();
    for (let i = 0; i < 10; i++) {
      using peer = Peer.dial(server);
      await peer.send("send 1000\nthrow\n" + "unread ".repeat(100));
      await server.says(/as it was told to/);
      await sleep(10);
      expect((await peer.readToEnd()).length).toBe(1000);
    }
  });
});
