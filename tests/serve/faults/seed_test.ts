// serve --fault-rate and --seed: which connections have faults, and that it can be had again.
import { describe, expect, it } from "bun:test";
import { isAffected } from "../../../lib/serve/faults/options.ts";
import { type RunningServer, spawnCli, startServe } from "../../support/cli.ts";
import { readToAnyEnd } from "../../support/faulty.ts";
import { Peer } from "../../support/peers.ts";

/** Connects one after the other; which of them were reset after a byte: "-x--x". */
async function reset(server: RunningServer, count: number): Promise<string> {
  let seen = "";
  for (let i = 0; i < count; i++) {
    using peer = Peer.dial(server);
    await peer.send("ab");
    const { bytes, how } = await readToAnyEnd(peer, 5000, 2);
    expect([[1, "ECONNRESET"], [2, "open"]]).toContainEqual([bytes.length, how]);
    seen += how === "open" ? "-" : "x";
  }
  return seen;
}

const predicted = (seed: number, count: number, percent: number): string =>
  Array.from({ length: count }, (_, i) => isAffected(seed, i, percent) ? "x" : "-").join("");

describe("serve --seed", () => {
  it("the same seed affects the same connections, with more workers too", async () => {
    const args = ["--reset-after", "1", "--fault-rate", "40%"];
    for (const more of [["--seed", "7"], ["--seed", "7", "--workers", "2"], ["--seed", "8"]]) {
      await using server = await startServe([...args, ...more]);
      const seen = await reset(server, 30);
      expect(seen).toBe(predicted(Number(more[1]), 30, 40));
      expect(seen).toMatch(/x/);
      expect(seen).toMatch(/-/);
    }
    expect(predicted(7, 30, 40)).not.toBe(predicted(8, 30, 40));
  });

  it("chosen at random it is logged, and repeats the run", async () => {
    const args = ["--reset-after", "1", "--fault-rate", "50"];
    await using first = await startServe(args);
    const [, seed] = await first.says(/Faults on 50 % .*reset after 1 B; --seed (\d+) repeats/);
    const seen = await reset(first, 20);
    await using second = await startServe([...args, "--seed", seed!]);
    expect(await reset(second, 20)).toBe(seen);
  });

  it("means the same in later versions", () => {
    expect(predicted(1, 20, 50)).toBe("--x--xxx-xxx----xx-x");
    expect(predicted(4_294_967_295, 20, 10)).toBe("-x------------------");
  });

  it("chooses as large a share as it was told to", () => {
    for (const percent of [0, 0.5, 10, 50, 90, 100]) {
      let affected = 0;
      for (let number = 0; number < 100_000; number++) {
        if (isAffected(3, number, percent)) affected++;
      }
      expect(Math.abs(affected / 1000 - percent)).toBeLessThan(0.6);
      if (percent === 0 || percent === 100) expect(affected / 1000).toBe(percent);
    }
  });

  it("the others are served without a fault", async () => {
    await using server = await startServe(["--blackhole", "--fault-rate", "0"]);
    expect(await reset(server, 5)).toBe("-----");
  });
});

describe("serve refuses", () => {
  const refused: [args: string, says: RegExp][] = [
    ["--delay soon", /--delay.*"soon" is not a duration, such as 10ms/],
    ["--delay 1ms±2ms", /--delay.*less than none/],
    ["--bandwidth 0", /--bandwidth.*at least one byte a second/],
    ["--slice 0", /--slice.*at least 1 byte/],
    ["--reset-after much", /--reset-after.*not a size/],
    ["--close-after -1", /--close-after/],
    ["--delay 1ms --fault-rate 101", /--fault-rate.*100 is all of them/],
    ["--delay 1ms --seed 4294967296", /--seed.*4294967296/],
    ["--seed 1", /--seed.*needs a fault/],
    ["--slice 1 --exec cat -H 127.0.0.1", /'--slice' cannot be used with '--exec'/],
    ["--fault-rate 50", /--fault-rate.*needs a fault/],
    ["--blackhol", /unknown option '--blackhol'.*--blackhole/],
  ];
  for (const [args, says] of refused) {
    it(`${args}: one line, 2`, async () => {
      await using cli = spawnCli(["serve", "-p", "0", ...args.split(" ")]);
      expect((await cli.exit).code).toBe(2);
      expect(cli.stderr()).toMatch(says);
      expect(cli.stderr().split("\n").length).toBe(2);
      expect(cli.stdout()).toBe("");
    });
  }
});
