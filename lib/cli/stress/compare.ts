/** `--compare A,B,…`: selectors of the embedded server, or targets, against each other in interleaved rounds. */
import type { SelectorName } from "../../selectors/mod.ts";
import type { Spawn } from "../../serve/server.ts";
import { compare, type Comparison } from "../../report/judge/compare.ts";
import { interleave } from "../../stress/run/compare.ts";
import { pool } from "../../result/merge/pool.ts";
import { comparisonSentences, comparisonTable } from "../../report/comparison.ts";
import { formatOutcome } from "../../report/text/report.ts";
import { describeErrors } from "../../report/figures.ts";
import { describeLoad } from "../../report/load.ts";
import { briefDuration, plural } from "../../text/words.ts";
import { isClean } from "../../result/figures.ts";
import type { Round, StressResult } from "../../result/result.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import type { Threshold } from "../../report/judge/threshold.ts";
import { judged } from "../../report/judge/judge.ts";
import { UsageError } from "../exit.ts";
import { say } from "../output.ts";
import { checkSelector } from "../options/checks.ts";
import { longName } from "../options/option.ts";
import { parseTarget } from "../options/target.ts";
import { noSuch, SELECTORS } from "../options/values.ts";
import { exitCode } from "../results/exit_code.ts";
import { checkWritable } from "../results/files.ts";
import { type Outcome, publish } from "../results/publish.ts";
import { interruptible } from "./context.ts";
import { isEmbedded, runSession, type RunSettings } from "./session.ts";
import { isOpen, type StressJob } from "./settings.ts";
import { VERSION } from "../version.ts";

/** Rounds, if there is time for as many. Ten are enough for intervals, and three the fewest. */
const ROUNDS = 10;
const FEWEST = 3;
/** A round is not shorter than this, nor has it fewer messages, if there can be three. */
const ROUND_MS = 100;
const ROUND_MESSAGES = 1000;
/** Every round has a fresh server, whose code has to be compiled first. */
const WARM_UP_MS = 200;

/** What is compared: selectors of embedded servers, or targets. */
export interface Compared {
  readonly names: readonly string[];
  /** What makes a run one of the one with this index. */
  readonly settings: (index: number) => Partial<RunSettings>;
  readonly targets: boolean;
}

/** Reads what to compare. @throws UsageError before anything starts */
function readCompared(text: string): Compared {
  const names = text.split(",").map((name) => name.trim());
  if (names.length < 2) {
    throw new UsageError("option '--compare' needs two selectors or targets, or more: A,B");
  }
  const targets = names.every((name) => /[:.]/.test(name));
  for (const name of names) {
    if (targets) parseTarget(name);
    else if (!(SELECTORS as readonly string[]).includes(name)) {
      const problem = noSuch("selector ", name, SELECTORS);
      throw new UsageError(`option '--compare': ${problem}, or give targets, HOST:PORT each`);
    }
  }
  return {
    names,
    settings: (index) =>
      targets ? { target: names[index]! } : { selector: names[index] as SelectorName | "auto" },
    targets,
  };
}

/** How a run is cut into rounds: the time of `--duration` is what each selector has in all. */
export function roundsOf(settings: RunSettings): { rounds: number; each: RunSettings } {
  const { durationMs, messages, warmupMs } = settings;
  const most = Math.min(
    durationMs === null ? Infinity : durationMs / ROUND_MS,
    messages === null ? Infinity : messages / ROUND_MESSAGES,
    ROUNDS,
  );
  const rounds = Math.max(FEWEST, Math.floor(most));
  return {
    rounds,
    each: {
      ...settings,
      durationMs: durationMs === null ? null : durationMs / rounds,
      messages: messages === null ? null : Math.ceil(messages / rounds),
      warmupMs: warmupMs > 0 ? warmupMs : WARM_UP_MS,
    },
  };
}

/** Each run of a round starts a server and its generator, which takes about so long. */
const START_MS = 600;

/** "10 rounds of 2 selectors, about 30 s in all". */
function describeRounds(
  { names: { length: names }, targets }: Compared,
  rounds: number,
  { durationMs, warmupMs }: RunSettings,
): string {
  const all = `${plural(rounds, "round")} of ${names} ${targets ? "targets" : "selectors"}`;
  if (durationMs === null) return all;
  const ms = names * rounds * (durationMs + warmupMs + START_MS);
  return `${all}, about ${briefDuration(Math.ceil(ms / 1000) * 1000)} in all`;
}

export async function runCompare(
  job: StressJob,
  thresholds: readonly Threshold[],
  spawn: Spawn & SpawnLoad,
): Promise<number> {
  const { settings, given, options } = job;
  const compared = readCompared(options.compare!);
  const { names, targets } = compared;
  if (!isEmbedded(settings)) {
    throw new UsageError("option '--compare' names what is compared; there is another target");
  }
  if (given.has("selector")) {
    throw new UsageError("'--compare' and '--selector' exclude each other: name it in '--compare'");
  }
  for (const name of ["service", "serverWorkers"] as const) {
    if (!targets || !given.has(name)) continue;
    throw new UsageError(
      `option '--${longName(name)}' is for the embedded server; targets are compared`,
    );
  }
  if (settings.stages.length > 0) throw new UsageError("'--compare' has no stages");
  if (!targets) { for (const name of names) checkSelector(name as SelectorName | "auto"); }
  checkWritable(options.output);
  const { rounds: wanted, each } = roundsOf(settings);
  return await interruptible(spawn, options.progress, async (context) => {
    say(describeRounds(compared, wanted, each));
    const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 32);
    const { rounds, interrupted } = await interleave(
      names.length,
      wanted,
      async (index, round) => {
        context.describe(`round ${round + 1} of ${wanted}, ${names[index]}`);
        const own = { ...each, ...compared.settings(index), seed: (seed + round) >>> 0 };
        return (await runSession(own, context)).result;
      },
    );
    context.endLive();
    const results = names.flatMap((name, i) => {
      const own = rounds.flatMap((round) => round[i] ?? []);
      return own.length > 0 ? [{ name, result: judged(pool(own), thresholds) }] : [];
    });
    const comparison = compare(names, rounds);
    const outcome = outcomeOf(options, { comparison, results, rounds, interrupted, each, targets });
    const code = exitCode(results.map(({ result }) => result), options.strict);
    return await publish(outcome, options, code);
  });
}

interface Findings {
  readonly comparison: Comparison;
  readonly results: readonly { name: string; result: StressResult }[];
  readonly rounds: readonly Round[];
  readonly interrupted: boolean;
  readonly each: RunSettings;
  readonly targets: boolean;
}

function outcomeOf(flags: StressJob["options"], found: Findings): Outcome {
  const { comparison, results, rounds, interrupted, each, targets } = found;
  const open = isOpen(each);
  const title = `iomux stress --compare ${flags.compare}`;
  const table = comparisonTable(comparison, open);
  const verdicts = results.map(({ result }) => result.verdict);
  const verdict = verdicts.includes("fail")
    ? "fail"
    : verdicts.includes("invalid")
    ? "invalid"
    : "pass";
  const shown = interrupted ? `${verdict} (interrupted)` : verdict;
  const sample = rounds.flat().find((result) => result !== undefined);
  const rows: [string, string][] = [
    [
      "target",
      targets
        ? comparison.rows.map(({ name }) => name).join(", ")
        : `embedded servers, ${each.service}, ${plural(each.serverWorkers, "worker")}`,
    ],
    ...(sample ? [["load", describeLoad(sample)] as [string, string]] : []),
    ["rounds", `${comparison.rounds} whole ones, interleaved; each after a warm-up`],
    ...comparisonSentences(comparison, open).map((text) => ["result", text] as [string, string]),
    ...results.flatMap(({ name, result }) => cautions(name, result)),
    ["verdict", shown],
  ];
  return {
    title,
    results,
    tables: [table],
    verdict: shown,
    text: (width) => formatOutcome(rows.slice(0, 3), table, rows.slice(3), width),
    json: {
      iomux: VERSION,
      target: targets ? flags.compare : "embedded",
      interrupted,
      compare: comparison,
      results: results.map(({ name, result }) => ({ name, result })),
      verdict,
    },
  };
}

function cautions(name: string, result: StressResult): [string, string][] {
  const rows: [string, string][] = [];
  const { generator, thresholds } = result;
  if (!isClean(result)) rows.push(["errors", `${name}: ${describeErrors(result)}`]);
  if (generator.bottleneck) rows.push(["caution", `${name}: ${generator.reason}`]);
  for (const { expression, ok } of thresholds) {
    rows.push(["threshold", `${ok ? "ok    " : "FAILED"}  ${name}: ${expression}`]);
  }
  return rows;
}
