/** `--threshold`: read before anything starts, and held against what is to be judged. */
import {
  parseThreshold,
  type RunKind,
  type Threshold,
  unfit,
} from "../../report/judge/threshold.ts";
import { UsageError } from "../exit.ts";

/** The thresholds for a run. @throws UsageError, ThresholdError for one that can't be read, or not be judged */
export function readThresholds(texts: readonly string[], run: RunKind): Threshold[] {
  return texts.map((text) => {
    const threshold = parseThreshold(text);
    const why = unfit(threshold, run);
    if (why !== undefined) throw new UsageError(why);
    return threshold;
  });
}
