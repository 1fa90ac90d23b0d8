// The search for a rate, on targets that are no more than a rule.
import { describe, expect, it } from "bun:test";
import {
  ATTEMPTS,
  CONFIRMATIONS,
  findRate,
  MOST_PROBES,
  nextRate,
  PRECISION,
  type SearchOptions,
  type SearchOutcome,
} from "../../../lib/stress/run/find_rate.ts";
import { probesTable, searchRows } from "../../../lib/report/search.ts";
import type { StressResult } from "../../../lib/result/result.ts";
import { formatCount } from "../../../lib/text/units.ts";
import { parseThreshold } from "../../../lib/report/judge/threshold.ts";
import { judgeProbe, messagesFor } from "../../../lib/cli/stress/probe_judge.ts";
import { sampleResult } from "../../support/sample_results.ts";

const sample = sampleResult({ seconds: 1, open: true });

/** What a target does at a rate. */
interface Behaviour {
  readonly p99?: number;
  readonly achieved?: number;
  readonly bottleneck?: boolean;
  /** Nothing was due. */
  readonly idle?: boolean;
  readonly change?: Partial<StressResult>;
}

function resultAt(rate: number, behaviour: Behaviour): StressResult {
  const { p99 = 1000, achieved = rate, bottleneck = false, idle = false, change } = behaviour;
  const count = Math.round(achieved);
  return {
    ...sample,
    messages: {
      ...{
        sent: count,
        received: count,
        verified: count,
        mismatched: 0,
        timed_out: 0,
        lost: 0,
        in_flight: 0,
      },
    },
    connections: { ...sample.connections, failed: 0, lost: 0 },
    rate: { messages_per_s: achieved, bytes_per_s: 64 * achieved },
    // The latency from the real send hides what the target can't do.
    latency_us: { ...sample.latency_us, p99: 10, count },
    latency_corrected_us: { ...sample.latency_corrected_us!, p99, count },
    generator: {
      ...sample.generator,
      bottleneck,
      reason: bottleneck ? "no CPU left" : null,
      scheduled: idle ? 0 : Math.round(rate),
    },
    ...change,
  };
}

/** What a search is told of its conditions. Its probes are as long as they have to be. */
function searchOf(conditions: string) {
  const thresholds = conditions.split(",").map(parseThreshold);
  return {
    conditions: thresholds.map(({ expression }) => expression),
    ...{ seconds: 1, mostSeconds: 1e6, messages: messagesFor(thresholds) },
    judge: (result: StressResult, rate: number) =>
      judgeProbe(result, { rate, seconds: 1, thresholds, cpu: null }),
  };
}

/** Searches on a target that behaves so; `asked` are the rates in turn. */
async function search(
  behave: (rate: number, probe: number) => Behaviour,
  conditions = "p99<5ms",
  start = 1000,
): Promise<SearchOutcome & { asked: number[] }> {
  const asked: number[] = [];
  const outcome = await findRate({
    ...searchOf(conditions),
    start,
    runOnce: (rate) => {
      asked.push(rate);
      return Promise.resolve(resultAt(rate, behave(rate, asked.length)));
    },
  });
  return { ...outcome, asked };
}

/** A search with other settings, on a target that can do `limit` messages a second. */
const findRateOf = (conditions: string, change: Partial<SearchOptions>, limit: number) =>
  findRate({
    ...searchOf(conditions),
    start: 1000,
    runOnce: (rate) => Promise.resolve(resultAt(rate, { p99: rate <= limit ? 900 : 9000 })),
    ...change,
  });

describe("the search for a rate", () => {
  for (const limit of [1234, 20_000, 99_999, 3_210_000]) {
    it(`finds ${limit} messages/s from below, within ${PRECISION}`, async () => {
      const { search: found, best } = await search((rate) => ({ p99: rate <= limit ? 900 : 9000 }));
      expect(found.rate).toBeLessThanOrEqual(limit);
      expect(found.rate! * PRECISION).toBeGreaterThanOrEqual(limit * 0.99);
      expect(found.next).toBeGreaterThan(limit);
      expect(found.next! / found.rate!).toBeLessThanOrEqual(PRECISION * 1.01);
      expect(found.limit).toBe("target");
      expect(found.reason).toBe("p99<5ms does not hold: 9.00 ms");
      expect(best.generator.scheduled).toBe(found.rate);
    });
  }

  it("goes down when not even the first rate holds", async () => {
    const { search: found, asked } = await search((rate) => ({ p99: rate <= 33 ? 900 : 9000 }));
    expect(found.rate).toBeGreaterThan(30);
    expect(found.rate).toBeLessThanOrEqual(33);
    expect(asked[0]).toBe(1000);
  });

  it("ends at the lowest rate when none holds", async () => {
    const { search: found, asked } = await search(() => ({ p99: 9000 }));
    expect(found).toMatchObject({ rate: null, next: 1, limit: "target" });
    expect(asked.at(-1)).toBe(1);
  });

  it("ends where no limit is found", async () => {
    const { search: found } = await search(() => ({}));
    expect(found).toMatchObject({ rate: 1e8, next: null, limit: "bound" });
  });

  it("judges latencies from the scheduled send", async () => {
    const { search: found } = await search((rate) => ({ p99: rate <= 5000 ? 900 : 1e6 }));
    expect(found.rate).toBeLessThanOrEqual(5000);
  });

  it("forgives a hiccup, and only that", async () => {
    let hiccups = 0;
    const { search: found } = await search((rate, probe) => {
      const hiccup = probe % 3 === 0 && probe < 25;
      if (hiccup && rate <= 20_000) hiccups++;
      return { p99: rate <= 20_000 && !hiccup ? 900 : 9000 };
    });
    expect(hiccups).toBeGreaterThan(1);
    expect(found.rate).toBeGreaterThan(15_000);
    expect(found.rate).toBeLessThanOrEqual(20_000);
    expect(found.probes.filter(({ rate }) => rate === 32_000).length).toBe(ATTEMPTS);
  });

  it("is not ended by a burst of others that is as long as one probe", async () => {
    for (let burst = 1; burst < 8; burst++) {
      const { search: found } = await search((rate, probe) => ({
        achieved: Math.min(rate, probe === burst ? 100 : 60_000),
      }));
      expect(found.rate).toBeGreaterThan(55_000);
    }
  });

  it("asks once more where most messages were not answered", async () => {
    const { search: found, asked } = await search((rate) => ({ achieved: Math.min(rate, 10_000) }));
    expect(found.rate).toBeGreaterThan(9000);
    expect(found.rate).toBeLessThanOrEqual(10_200);
    const hopeless = asked.filter((rate) => rate > 15_000);
    expect(new Set(hopeless).size * 2).toBe(hopeless.length);
    expect(found.probes.find(({ rate }) => rate > 15_000)!.reason)
      .toMatch(/^only 10000 of 16000 messages were answered$/);
  });

  it("says so when the limit was the generator", async () => {
    const { search: found } = await search((rate) =>
      rate > 7000 ? { bottleneck: true, p99: 9000 } : {}
    );
    expect(found.limit).toBe("generator");
    expect(found.rate).toBeLessThanOrEqual(7000);
    expect(found.reason).toBe("the generator was the bottleneck: no CPU left");
    expect(searchRows(found).at(-1)![1]).toMatch(/the target may take more than was found/);
  });

  it("takes no rate at which the generator was the bottleneck, even if the conditions hold", async () => {
    const { search: found } = await search((rate) => ({ bottleneck: rate > 7000 }));
    expect(found.rate).toBeLessThanOrEqual(7000);
  });

  it("blames the target if it failed once without the generator's help", async () => {
    const { search: found } = await search((rate, probe) =>
      rate > 1000 ? { p99: 9000, bottleneck: probe % 2 === 0 } : {}
    );
    expect(found.limit).toBe("target");
  });

  it("takes a rate only when it holds in three probes of three, else a lower one", async () => {
    const once = await search((rate) => ({ p99: rate <= 20_000 ? 900 : 9000 }));
    const last = once.search.probes.slice(-CONFIRMATIONS);
    expect(last.map(({ rate, holds }) => [rate, holds])).toEqual(
      Array.from({ length: CONFIRMATIONS }, () => [once.search.rate, true]),
    );
    // Between 10,000 and 20,000 it holds mostly.
    let tries = 0;
    const { search: found } = await search((rate) => ({
      p99: rate <= 10_000 || (rate <= 20_000 && ++tries % 3 !== 0) ? 900 : 9000,
    }));
    expect(found.rate === null || found.rate <= 20_000).toBe(true);
    const held = found.probes.slice(-CONFIRMATIONS).every(({ holds }) => holds);
    expect(held).toBe(found.rate !== null);
  });

  for (const share of [0.9, 0.7, 0.4, 0.05]) {
    it(`goes down to what holds each time, at ${share} of what holds now and then`, async () => {
      // The long probes of a confirmation meet what a short one has luck with.
      const limit = Math.round(20_000 * share);
      const { search: found } = await findRateOf("p99<5ms", {
        runOnce: (rate, seconds) =>
          Promise.resolve(
            resultAt(rate, { p99: rate <= (seconds > 1 ? limit : 20_000) ? 900 : 9000 }),
          ),
        seconds: 1,
        messages: 1e6,
      }, 0);
      expect(found.rate).toBeLessThanOrEqual(limit);
      expect(found.rate! * PRECISION).toBeGreaterThanOrEqual(limit * 0.98);
      expect(found.next).toBeGreaterThan(limit);
      expect(found.limit).toBe("target");
      expect(found.probes.filter(({ rate, holds }) => rate === found.rate && holds).length)
        .toBeGreaterThanOrEqual(CONFIRMATIONS);
    });
  }

  it("says that no rate holds only when the lowest was tried and did not", async () => {
    const { search: found } = await findRateOf("p99<5ms", {
      runOnce: (rate, seconds) =>
        Promise.resolve(resultAt(rate, { p99: seconds <= 1 && rate <= 20_000 ? 900 : 9000 })),
      messages: 1e6,
    }, 0);
    expect(found).toMatchObject({ rate: null, limit: "target", next: 1 });
    expect(found.probes.at(-1)).toMatchObject({ rate: 1, holds: false });
  });

  it("has no answer where a percentile rests on too few messages for the time there is", async () => {
    const { search: found } = await findRateOf("p99<5ms", { mostSeconds: 60 }, 40);
    expect(found).toMatchObject({ rate: null, limit: "time" });
    expect(found.reason).toMatch(
      /rests on 100 messages only after \d{3} s: give --duration \d{3}s/,
    );
    const { search: quick } = await findRateOf("p99<5ms", { mostSeconds: 60, messages: 100 }, 40);
    expect(quick.rate).toBeGreaterThan(35);
  });

  it("has no answer on a machine that is busy with something else", async () => {
    const cpu = { process: 90, machine: 190, steal: 0, cpus: 2 };
    const thresholds = [parseThreshold("p99<5ms")];
    const { search: found } = await findRateOf("p99<5ms", {
      judge: (result, rate) => judgeProbe(result, { rate, seconds: 1, thresholds, cpu }),
    }, 1e6);
    expect(found).toMatchObject({ rate: null, limit: "machine" });
    expect(found.reason).toMatch(/^other programs used 50 % of this machine's CPUs/);
  });

  it("asks again after a probe that others disturbed, whenever they come", async () => {
    const thresholds = [parseThreshold("p99<5ms")];
    let probes = 0;
    const { search: found } = await findRateOf("p99<5ms", {
      // Every third probe meets others, who are gone a moment later: it says nothing of the target.
      judge: (result, rate) => {
        const cpu = { process: 10, machine: ++probes % 3 === 0 ? 110 : 20, steal: 0, cpus: 2 };
        return judgeProbe(result, { rate, seconds: 1, thresholds, cpu });
      },
    }, 20_000);
    expect(found.rate).toBeGreaterThan(19_000);
    expect(found).toMatchObject({ limit: "target" });
    expect(found.probes.some(({ by }) => by === "machine")).toBe(true);
  });

  it("needs all conditions", async () => {
    const { search: found } = await search(
      (rate) => ({ p99: rate <= 50_000 ? 900 : 9000 }),
      "p99<5ms,rate<10k",
    );
    expect(found.rate).toBeLessThan(10_000);
    expect(found.conditions).toEqual(["p99<5ms", "rate<10k"]);
    expect(found.reason).toMatch(/^rate<10k does not hold: \d+/);
  });

  it("takes errors for a failure, unless a condition says how many are too many", async () => {
    const timeouts = (rate: number): Behaviour => ({
      change: {
        messages: { ...resultAt(rate, {}).messages, timed_out: rate > 3000 ? 2 : 0 },
      },
    });
    const strict = await search(timeouts);
    expect(strict.search.rate).toBeLessThanOrEqual(3000);
    expect(strict.search.reason).toBe("2 messages timed out");
    const tolerant = await search(timeouts, "errors<5");
    expect(tolerant.search.rate).toBe(1e8);
    const other = await search(timeouts, "unsent<100");
    expect(other.search.rate).toBeLessThanOrEqual(3000);
  });

  it("ends at once when replies are wrong or nobody is there", async () => {
    const wrong = await search((rate) => ({
      change: { messages: { ...resultAt(rate, {}).messages, mismatched: rate > 3000 ? 1 : 0 } },
    }));
    expect(wrong.search).toMatchObject({ limit: "broken", reason: "1 replies were wrong" });
    expect(wrong.asked).toEqual([1000, 2000, 4000]);
    const nobody = await search(() => ({
      change: {
        connections: { ...sample.connections, established: 0, failed: 50 },
        errors: { ECONNREFUSED: 50 },
      },
    }));
    expect(nobody.asked).toEqual([1000]);
    expect(nobody.search.reason).toBe("no connection was made: ECONNREFUSED");
  });

  it("does not take a probe in which nothing happened for one that holds", async () => {
    const { search: found } = await search(
      (rate) => ({ achieved: rate < 1000 ? 0 : rate, p99: rate < 1000 ? 0 : 9000 }),
      "p99<5ms",
      500,
    );
    expect(found.rate).toBe(null);
    const idle = await findRate({
      ...searchOf("errors==0"),
      start: 1,
      runOnce: (rate) => {
        const { generator, ...result } = resultAt(rate, { achieved: 0 });
        return Promise.resolve({ ...result, generator: { ...generator, scheduled: 0 } });
      },
    });
    expect(idle.search.rate).toBe(null);
    expect(idle.search.reason).toMatch(/no message was due in its time/);
  });

  it("ends with what it has when it is interrupted", async () => {
    const { search: found, best } = await search((_, probe) => ({
      change: { interrupted: probe === 4 },
    }));
    expect(found).toMatchObject({ limit: "interrupted", rate: 4000, next: null });
    expect(found.probes.length).toBe(3);
    expect(best.interrupted).toBe(false);
    expect(searchRows(found)[0]![1]).toBe("4,000 messages/s so far hold p99<5ms");
  });

  it("has found nothing when it is interrupted after what it had was disproved", async () => {
    let confirming = 0;
    const { search: found, best } = await findRateOf("p99<5ms", {
      runOnce: (rate, seconds) => {
        if (seconds > 1) confirming++;
        const result = resultAt(rate, { p99: rate <= 5000 && seconds <= 1 ? 900 : 9000 });
        return Promise.resolve({ ...result, interrupted: confirming === 2 });
      },
      messages: 1e6,
    }, 0);
    expect(found).toMatchObject({ limit: "interrupted", rate: null });
    expect(found.next).toBeLessThanOrEqual(5000);
    expect(searchRows(found).slice(0, 2)).toEqual([
      ["found", "no answer"],
      ["next", `${formatCount(found.next!)} messages/s do not`],
    ]);
    expect(best.interrupted).toBe(true);
  });

  it("makes probes of low rates long enough for messages to be due", async () => {
    const asked: [rate: number, due: number][] = [];
    const { search: found } = await findRateOf("p99<5ms", {
      seconds: 0.5,
      runOnce: (rate, seconds) => {
        asked.push([rate, rate * seconds]);
        return Promise.resolve(resultAt(rate, { p99: 9000 }));
      },
    }, 0);
    expect(found).toMatchObject({ rate: null, next: 1, limit: "target" });
    for (const [rate, due] of asked) expect([rate, due >= 2]).toEqual([rate, true]);
  });

  it("shows no latency of a probe that had none", async () => {
    const { search: found } = await search(() => ({
      p99: 0,
      achieved: 0,
      bottleneck: true,
      idle: true,
    }));
    expect(found.reason).toMatch(/^no message was due in its time/);
    expect(probesTable(found).rows[0]![3]).toBe("-");
  });

  it("is bounded, however the target behaves", async () => {
    let flip = false;
    const { asked } = await search((rate) => {
      flip = !flip;
      return { p99: rate > 10 && flip ? 9000 : 900 };
    });
    expect(asked.length).toBeLessThanOrEqual(MOST_PROBES);
  });

  it("is a table with a row for each probe", async () => {
    const { search: found } = await search((rate) => ({ p99: rate <= 3000 ? 900 : 9000 }));
    const { head, rows } = probesTable(found);
    expect(rows.length).toBe(found.probes.length);
    expect(head).toEqual(["", "asked for", "answered", "p99", "holds"]);
    expect(rows[0]).toEqual(["1", "1,000", "1,000", "900 us", "yes"]);
    expect(rows[2]).toEqual([
      ...["3", "4,000", "4,000", "9.00 ms", "no: p99<5ms does not hold: 9.00 ms"],
    ]);
  });
});

describe("the next rate", () => {
  it("doubles, falls, halves the distance, and ends", () => {
    expect(nextRate(1000, null)).toBe(2000);
    expect(nextRate(null, 1000)).toBe(125);
    expect(nextRate(null, 3)).toBe(1);
    expect(nextRate(null, 1)).toBe(null);
    expect(nextRate(1000, 2000)).toBe(1410);
    expect(nextRate(1000, 1050)).toBe(null);
    expect(nextRate(1e8, null)).toBe(null);
  });
});
