// serve --exec: how often a program is started for one connection.
import { describe, expect, it } from "bun:test";
import { TempDir } from "../../support/files.ts";
import { startExec } from "../../support/handoff.ts";
import { Peer } from "../../support/peers.ts";
import { NO_SIGNALS } from "../../support/systems.ts";
import { sleep } from "../../support/waiting.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A server, whatever it listens on. */
interface Started extends AsyncDisposable {
  dial(): Peer;
}

if (NO_SIGNALS) console.log(`not run: serve --exec and starts: ${NO_SIGNALS}`);
else {
  for (const where of ["TCP", "a Unix socket"]) {
    describe(`serve --exec on ${where}: how often a program is started`, () => {
      async function start(command: string): Promise<Started> {
        const dir = new TempDir();
        const path = where === "TCP" ? undefined : dir.file("socket");
        const server = await startExec(command, path === undefined ? [] : ["--unix", path]);
        return {
          dial: () => Peer.dial(path === undefined ? server : { path }),
          [Symbol.asyncDispose]: async () => {
            await server[Symbol.asyncDispose]();
            dir[Symbol.dispose]();
          },
        };
      }

      it("date: once, though the peer's FIN comes while it runs", async () => {
        await using server = await start("sh -c 'sleep 0.02; echo once'");
        for (let i = 0; i < 25; i++) {
          using peer = server.dial();
          await peer.send("abc");
          await sleep(i); // before, while and after
          peer.end();
          expect(text(await peer.readToEnd())).toBe("once\n");
        }
      });

      it("once, though the FIN comes when it has long been over", async () => {
        await using server = await start("sh -c 'read x; echo once'");
        using peer = server.dial();
        await peer.send("abc\n");
        expect(text(await peer.read(5))).toBe("once\n");
        await sleep(200);
        peer.end();
        expect(text(await peer.readToEnd())).toBe("");
      });

      it("date: once for a peer that sends nothing but its FIN", async () => {
        await using server = await start("sh -c 'echo once'");
        using peer = server.dial();
        peer.end();
        expect(text(await peer.readToEnd())).toBe("once\n");
      });

      it("once, though more comes while it runs", async () => {
        await using server = await start("sh -c 'sleep 0.05; echo once'");
        using peer = server.dial();
        for (let i = 0; i < 10; i++) {
          await peer.send("abc");
          await sleep(4);
        }
        expect(text(await peer.read(5))).toBe("once\n");
        peer.end();
        expect(text(await peer.readToEnd())).toBe("");
      });

      it("again for what came, like what it took, while it was running, with the end or without", async () => {
        await using server = await start("sh -c 'read line; echo took $line; sleep 0.1'");
        for (const ends of [true, false]) {
          using peer = server.dial();
          await peer.send("it\n");
          expect(text(await peer.read(8))).toBe("took it\n");
          await peer.send("it\n");
          if (ends) peer.end();
          expect(text(await peer.read(8))).toBe("took it\n");
          if (!ends) peer.end();
          expect(text(await peer.readToEnd())).toBe("");
        }
      });
    });
  }
}
