// A load that was stopped for longer than --timeout (SIGSTOP, a machine that slept): what has come meanwhile counts.
import { describe, expect, it } from "bun:test";
import { engineMissing } from "../../../lib/engine/mod.ts";
import { spawnCli } from "../../support/cli.ts";
import { answering } from "../../support/misbehaving.ts";
import { NO_SIGNALS } from "../../support/systems.ts";
import { sleep, until } from "../../support/waiting.ts";

/** More than either engine looks at in one turn. */
const CONNECTIONS = 1500;

if (NO_SIGNALS) console.log(`not run: a stopped load: ${NO_SIGNALS}`);
else {
  describe("stress that was stopped for longer than --timeout", () => {
    for (const engine of ["readiness", "uring"]) {
      it(`counts the replies that have come, and no timeout, on ${engine}`, async () => {
        const missing = engine === "uring" && engineMissing("uring");
        if (missing) return console.log(`not run: stress on io_uring: ${missing}`);
        const held: (() => void)[] = [];
        await using server = await answering((message, _, { socket }) => {
          const reply = Buffer.from(message);
          held.push(() => socket.write(reply));
          return null;
        });
        const count = `${CONNECTIONS}`;
        const load = ["-c", count, "-n", count, "--timeout", "3s", "--client-engine", engine];
        await using cli = spawnCli(["stress", server.name, ...load, "--json"]);
        expect(await until(() => held.length === CONNECTIONS)).toBe(true);
        await cli.freeze();
        for (const reply of held) reply();
        await sleep(3500);
        cli.kill("SIGCONT");
        const { code } = await cli.exit;
        const { messages, errors } = JSON.parse(cli.stdout());
        expect([code, messages.verified, errors]).toEqual([0, CONNECTIONS, {}] as unknown[]);
      });
    }
  });
}
