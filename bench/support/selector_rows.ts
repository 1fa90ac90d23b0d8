// The figures of the section `selectors`: what the programs answer, and what is made of it.
import { median, sum } from "./report.ts";

/** Measured calls and the CPU time they took together. */
export interface Cost {
  calls: number;
  cpu_ns: number;
  /** From timer ticks: good over many rounds only. */
  user_ns: number;
  system_ns: number;
  /** With the runtime's own threads, which compile and collect garbage. */
  process_ns?: number;
}

export type Operation = "dispatch" | "select" | "register";

/** What a program answers: C has no `select()` that makes a list, Python no `dispatch`. */
export type Costs = Partial<Record<Operation, Cost>>;

export interface Case {
  selector: string;
  idle: number;
  active: number;
}

/** A case with its answers by program, one for each round, or the reason that there is none. */
export interface Row extends Case {
  costs: Map<string, Costs[]>;
  na: Map<string, string>;
}

/** The C program with a second thread, which sleeps. */
export const threaded = "c-threaded";

const each = ({ cpu_ns, calls }: Cost) => cpu_ns / calls;

/** Nanoseconds of one wait, by whatever name the program has for it. */
export function nsOf(costs: Costs): number {
  return each((costs.dispatch ?? costs.select)!);
}

/** Nanoseconds of one call in each round; empty when the program has no such operation. */
export function nsIn(row: Row, name: string, operation: Operation): number[] {
  return (row.costs.get(name) ?? []).flatMap((costs) => costs[operation] ?? []).map(each);
}

/** The median over the rounds, or NaN. */
export function ns(row: Row, name: string, operation: Operation): number {
  return median(nsIn(row, name, operation));
}

/** The ratios within the rounds of two programs' operations. */
export function ratios(
  row: Row,
  [name, operation]: [string, Operation],
  [other, its]: [string, Operation],
): number[] {
  const mine = nsIn(row, name, operation), theirs = nsIn(row, other, its);
  return mine.length === theirs.length ? mine.map((value, i) => value / theirs[i]!) : [];
}

/** The share of the CPU time that was spent in user mode, over all rounds together; an estimate. */
export function userShare(row: Row, name: string, operation: Operation): number {
  const all = (row.costs.get(name) ?? []).flatMap((costs) => costs[operation] ?? []);
  const user = sum(all.map((cost) => cost.user_ns));
  return user / (user + sum(all.map((cost) => cost.system_ns)));
}
