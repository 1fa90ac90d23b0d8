// What one wait and one registration cost on each selector, from 10 to 10,000 idle descriptors,
// beside the same in C and in Python.
//
// Each program is asked for one case after the other over its stdin, so that the programs take
// turns within milliseconds and a ratio compares like with like.
import { availableSelectors } from "../../lib/selectors/mod.ts";
import type { Context } from "../support/context.ts";
import { baseline, iomux, whyMissing } from "../support/entries.ts";
import { type Program, serverCpu, start } from "../support/process.ts";
import type { Report } from "../support/report.ts";
import { type Case, type Costs, nsOf, type Row, threaded } from "../support/selector_rows.ts";
import { figuresOf, plotOf, textOf } from "../support/selector_report.ts";

const idleCounts = [10, 100, 1000, 10_000];
const activeCounts = [1, 100];
const answerSeconds = 60;

interface Candidate {
  name: string;
  command: string[];
}

/** Runs the section. */
export async function selectors(context: Context): Promise<Report> {
  const { seconds } = context.options;
  const rounds = Math.min(context.options.rounds, 3);
  const windowMs = seconds * 5; // there are hundreds of figures
  const notRun = new Map<string, string>();
  for (const { name, available, reason } of availableSelectors()) {
    if (!available) notRun.set(name, reason!);
  }
  const candidates = candidatesOf(context).filter(({ name, command }) => {
    const missing = whyMissing(command);
    if (missing !== null) notRun.set(name, missing);
    return missing === null;
  });
  const names = availableSelectors().filter(({ available }) => available).map(({ name }) => name);
  const rows: Row[] = names.flatMap((selector) =>
    activeCounts.flatMap((active) =>
      idleCounts.map((idle) => ({ selector, active, idle, costs: new Map(), na: new Map() }))
    )
  );
  for (let round = 0; round < rounds; round++) {
    for (const selector of names) {
      const these = rows.filter((row) => row.selector === selector);
      await measure(selector, these, candidates, round, windowMs, notRun);
      const { active, idle, costs } = these[0]!;
      const figures = [...costs].map(([name, all]) => `${name} ${nsOf(all.at(-1)!).toFixed(0)}`);
      const what = `ns a wait (${active} active, ${idle} idle): ${figures.join(", ")}`;
      context.progress(`selectors ${round + 1}/${rounds} ${selector}: ${what}`);
    }
  }
  const entries = candidates.map(({ name }) => name)
    .filter((name) => name in iomux && rows.some(({ costs }) => costs.has(name)));
  const shown = { rows, entries, notRun, rounds, windowMs };
  return { text: textOf(shown), data: figuresOf(shown), plot: plotOf(shown) };
}

function candidatesOf({ built, entries }: Context): Candidate[] {
  const typescript = (command: string[]) =>
    command.map((word) => word === "main.ts" ? "bench/selector_costs.ts" : word);
  const all: Candidate[] = [
    { name: baseline, command: [built.selectorCosts] },
    ...Object.entries(iomux).filter(([, command]) => command.includes("main.ts"))
      .map(([name, command]) => ({ name, command: typescript(command) })),
    { name: "python", command: ["python3", "bench/peers/selector_costs.py"] },
  ];
  const chosen = all.filter(({ name }) => entries.some((entry) => entry.name === name));
  return [...chosen, { name: threaded, command: [built.selectorCosts, "-t"] }];
}

/** One round of one selector: every case, in each program, in an order that turns. */
async function measure(
  selector: string,
  rows: Row[],
  candidates: Candidate[],
  round: number,
  windowMs: number,
  notRun: Map<string, string>,
): Promise<void> {
  const programs = new Map<string, Program>();
  /** Leaves a program out from now on, with what it has measured. */
  const give = (name: string, error: unknown) => {
    notRun.set(`${name} on ${selector}`, (error as Error).message);
    for (const row of rows) row.costs.delete(name);
    programs.get(name)?.closeStdin();
    programs.delete(name);
  };
  const ask = async (name: string, { idle, active }: Case, ms: number) =>
    JSON.parse(await programs.get(name)!.ask(`${idle} ${active} ${ms}`, answerSeconds));
  const started: Program[] = [];
  try {
    for (const { name, command } of candidates) {
      if (notRun.has(`${name} on ${selector}`)) continue;
      const program = start([...command, selector], { cpu: serverCpu, manyFiles: true });
      started.push(program);
      programs.set(name, program);
      // Not counted, and longer, so that compilers are done when it counts.
      await ask(name, rows[0]!, windowMs * 6).catch((error) => give(name, error));
    }
    for (const [i, row] of rows.entries()) {
      const order = [...programs.keys()];
      const turn = (round + i) % Math.max(1, order.length);
      for (const name of [...order.slice(turn), ...order.slice(0, turn)]) {
        if (row.na.has(name)) continue;
        try {
          const answer = await ask(name, row, windowMs);
          if (typeof answer.na === "string") row.na.set(name, answer.na);
          else row.costs.set(name, [...row.costs.get(name) ?? [], answer as Costs]);
        } catch (error) {
          give(name, error);
        }
      }
    }
  } finally {
    for (const program of started) program.closeStdin();
    await Promise.all(started.map((program) => program.stop()));
  }
}
