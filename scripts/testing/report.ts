// What the person in front of it sees of a run: a line for each file that ends, the first failure as
// soon as it happens, and one table at the end with every failure under it.
import process from "node:process";
import type { Display, Outcome } from "./job.ts";
import { type Job, nameOf } from "./plan.ts";

const ALIVE_MS = 10_000;
const out = process.stdout;

const title = (job: Job) => `${job.runtime.padEnd(5)} ${nameOf(job)}`;

const counts = ({ passed, failed, skipped }: Outcome) =>
  ([[passed, "passed"], [failed, "FAILED"], [skipped, "skipped"]] as const)
    .filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`).join(", ");

const indented = (text: string) => text.split("\n").map((line) => `    ${line}`.trimEnd());

/** The failures of one job: its file, then the name and the message of each. */
const failuresOf = (outcome: Outcome, failures = outcome.failures) =>
  failures.flatMap(({ name, message }) => {
    const { runtime, files } = outcome; // of several files the name of a test says which
    const where = files?.some((file) => name.startsWith(file))
      ? `${runtime.padEnd(5)} ${name}`
      : `${title(outcome)}: ${name}`;
    return [where, ...indented(message)];
  }).join("\n");

/** Shows a run while it lasts, and keeps what it came to so far; `close` ends the showing. */
export function progress(total: number): Display & { outcomes: Outcome[]; close(): void } {
  const live = out.isTTY;
  const width = String(total).length;
  const running = new Set<string>();
  const outcomes: Outcome[] = [];
  let failed = false;
  let spoke = performance.now();

  const say = (text: string) => {
    out.write(live ? `\r\x1b[K${text}\n` : `${text}\n`);
    spoke = performance.now();
  };
  const names = () => [...running].map((name) => name.replace(/ +/g, " ")).join(", ");
  const draw = () => {
    if (!live) return;
    const line = `${outcomes.length} of ${total} done; running ${names()}`;
    out.write(`\r\x1b[K${line.slice(0, (out.columns ?? 80) - 1)}`);
  };
  // Without a terminal a long file would be a long silence.
  const alive = setInterval(() => {
    if (!live && performance.now() - spoke > ALIVE_MS) say(`    ... running ${names()}`);
  }, 1000);

  return {
    outcomes,
    start(job) {
      running.add(title(job));
      draw();
    },
    end(outcome) {
      running.delete(title(outcome));
      outcomes.push(outcome);
      const place = `[${String(outcomes.length).padStart(width)}/${total}]`;
      say(`${place} ${title(outcome)}  ${counts(outcome)}, ${outcome.seconds.toFixed(1)} s`);
      for (const { name } of outcome.failures) say(`    FAILED ${name}`);
      if (outcome.failed > 0 && !failed) {
        failed = true;
        say(`\nthe first failure:\n${failuresOf(outcome, outcome.failures.slice(0, 1))}\n`);
      }
      draw();
    },
    close() {
      clearInterval(alive);
      if (live) out.write("\r\x1b[K");
    },
  };
}

const sum = (list: Outcome[], key: "passed" | "failed" | "skipped" | "seconds") =>
  list.reduce((total, outcome) => total + outcome[key], 0);

/** The lines of the table: one for each runtime, and their total with the seconds that passed. */
export function table(outcomes: Outcome[], seconds: number): string[] {
  const names = [...new Set(outcomes.map(({ runtime }) => runtime))].sort();
  const row = (name: string, list: Outcome[], took: number) => [
    name,
    ...(["passed", "failed", "skipped"] as const).map((key) => String(sum(list, key))),
    took.toFixed(1),
  ];
  const rows = [
    ["", "passed", "failed", "skipped", "seconds"],
    ...names.map((name) => {
      const list = outcomes.filter(({ runtime }) => runtime === name);
      return row(name, list, sum(list, "seconds"));
    }),
    row("all", outcomes, seconds),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  return rows.map((cells) =>
    cells.map((cell, i) => i ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ")
  );
}

/** The end of a run on stdout; returns its exit status. */
export function conclude(outcomes: Outcome[], left: Job[] = [], repeated: string[] = []): number {
  const notRun = [...new Set(outcomes.flatMap((outcome) => outcome.notRun))].sort();
  const text = [""];
  if (notRun.length > 0) text.push(...notRun.map((what) => `not run: ${what}`), "");
  if (left.length > 0) text.push(...left.map((job) => `not started: ${title(job)}`), "");
  if (repeated.length > 0) {
    text.push(...repeated.map((what) => `failed beside others, passed alone: ${what}`), "");
  }
  text.push(...table(outcomes, performance.now() / 1000));
  const failed = outcomes.filter((outcome) => outcome.failed > 0);
  for (const outcome of failed) text.push("", failuresOf(outcome));
  out.write(`${text.join("\n")}\n`);
  return failed.length > 0 ? 1 : 0;
}
