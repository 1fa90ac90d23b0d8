/** `--threshold`: read before anything starts, and held against what the run will be. */
import {
  parseThreshold,
  type Threshold,
  ThresholdError,
  unfit,
} from "../../report/judge/threshold.ts";
import { UsageError } from "../exit.ts";
import type { RunSettings } from "./session.ts";

/** Whether messages leave on a schedule, whatever comes back. */
export const isOpen = ({ rate, stages }: Pick<RunSettings, "rate" | "stages">): boolean =>
  rate !== null || stages.some((stage) => stage.rate);

/** The thresholds of a run. @throws UsageError for one that can't be read, or not be judged */
export function readThresholds(
  texts: readonly string[],
  settings: RunSettings,
  open: boolean = isOpen(settings),
): Threshold[] {
  const thresholds = texts.map((text) => {
    try {
      return parseThreshold(text);
    } catch (error) {
      if (error instanceof ThresholdError) throw new UsageError(error.message);
      throw error;
    }
  });
  const run = { open, replies: settings.expect.kind !== "none" };
  for (const threshold of thresholds) {
    const why = unfit(threshold, run);
    if (why !== undefined) throw new UsageError(why);
  }
  return thresholds;
}
