/** Several loads in turn, in rounds, so that what slows the machine down slows all of them down. */
import type { Round, StressResult } from "../../result/result.ts";

/** The order of a round: the first one rotates, and every other cycle goes backwards. */
export function orderOf(round: number, count: number): number[] {
  const rotated = Array.from({ length: count }, (_, i) => (i + round) % count);
  return Math.floor(round / count) % 2 === 0 ? rotated : rotated.reverse();
}

/**
 * Runs all names once a round, and returns the rounds. Ends early after a result that was interrupted,
 * which is not among them: it is no measurement as long as the others.
 */
export async function interleave(
  count: number,
  rounds: number,
  runOnce: (index: number, round: number) => Promise<StressResult>,
): Promise<{ rounds: Round[]; interrupted: boolean }> {
  const all: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const results: (StressResult | undefined)[] = Array.from({ length: count });
    all.push(results);
    for (const index of orderOf(round, count)) {
      const result = await runOnce(index, round);
      if (result.interrupted) return { rounds: all, interrupted: true };
      results[index] = result;
    }
  }
  return { rounds: all, interrupted: false };
}
