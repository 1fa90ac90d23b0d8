/**
 * A regular expression that is given one byte after the other and knows at each whether it has matched,
 * still can, or never will. It makes the choices that a backtracking one makes (the first alternative
 * that leads to a match; greedy and lazy), in time that grows with the bytes only: a deterministic
 * automaton whose states are made when they are needed, as RE2's (Russ Cox, swtch.com/~rsc/regexp).
 */
import { parseRegex } from "./regex_parse.ts";
import { compileRegex, type Instruction } from "./regex_program.ts";

/** States that are kept; then they are made anew. */
const MOST_STATES = 2000;

/** Where the automaton is after some bytes. States are shared by all connections. */
export interface RegexState {
  /** What has come until here is a match. */
  readonly matched: boolean;
  /** Nothing that may follow changes that: no match (any more), or the one there is. */
  readonly final: boolean;
  /** The instructions that wait for a byte, by preference. */
  readonly waiting: readonly number[];
  /** The states that follow, by the class of a byte. */
  readonly next: (RegexState | undefined)[];
}

/** An expression, matched from the beginning of a reply. */
export class Regex {
  readonly #program: readonly Instruction[];
  /** Bytes that no part of the expression tells apart are of one class. */
  readonly classes: Uint8Array;
  #classCount = 0;
  #states = new Map<string, RegexState>();
  #start: RegexState;

  /** @throws RangeError for what is no expression, can't be matched byte by byte, or matches nothing */
  constructor(source: string, flags: string) {
    this.#program = compileRegex(parseRegex(source, flags));
    this.classes = this.#classify();
    this.#start = this.#begin();
    // "" is a match if it is one in the end, whatever is preferred to it.
    if (this.#start.matched) throw new RangeError("it matches a reply without a byte");
    if (this.#start.final) throw new RangeError("nothing matches it");
  }

  /** Before the first byte. */
  get start(): RegexState {
    return this.#start;
  }

  /** After one more byte. */
  step(state: RegexState, byte: number): RegexState {
    return state.next[this.classes[byte]!] ?? this.#make(state, byte);
  }

  /** The bytes that must follow, as far as there is no choice, up to `most`. */
  required(state: RegexState, most: number): Uint8Array {
    const bytes: number[] = [];
    for (; bytes.length < most && !state.matched;) {
      const possible = new Set<number>();
      for (const at of state.waiting) {
        const { set } = this.#program[at] as Instruction & { op: "byte" };
        set.forEach((on, byte) => on && possible.add(byte));
      }
      if (possible.size !== 1) break;
      const [byte] = possible as unknown as [number];
      bytes.push(byte);
      state = this.step(state, byte);
    }
    return Uint8Array.from(bytes);
  }

  #begin(): RegexState {
    const waiting: number[] = [];
    const matched = this.#follow(this.#program.length - 1, waiting, new Set(), true);
    return this.#state(waiting, matched);
  }

  #make(state: RegexState, byte: number): RegexState {
    if (this.#states.size >= MOST_STATES) {
      this.#states = new Map(); // connections keep theirs; the rest is made anew
      this.#start = this.#begin();
    }
    const waiting: number[] = [];
    const seen = new Set<number>();
    let matched = false;
    for (const at of state.waiting) {
      const instruction = this.#program[at] as Instruction & { op: "byte" };
      if (instruction.set[byte] === 0) continue;
      matched = this.#follow(instruction.next, waiting, seen, false);
      if (matched) break; // whatever else would match is less preferred
    }
    return state.next[this.classes[byte]!] = this.#state(waiting, matched);
  }

  #state(waiting: readonly number[], matched: boolean): RegexState {
    const key = `${waiting.join()}${matched ? "!" : ""}`;
    let state = this.#states.get(key);
    if (!state) {
      const next = new Array<RegexState | undefined>(this.#classCount).fill(undefined);
      state = { waiting, matched, final: waiting.length === 0, next };
      this.#states.set(key, state);
    }
    return state;
  }

  /** Adds the instructions that wait for a byte; true if there is a match without one. */
  #follow(start: number, waiting: number[], seen: Set<number>, atBegin: boolean): boolean {
    const count = this.#program.length;
    const stack = [start];
    for (let at: number | undefined; (at = stack.pop()) !== undefined;) {
      if (seen.has(at)) continue;
      seen.add(at);
      // After `$` the reply must end: as if the instructions were there twice.
      const ended = at >= count;
      const shift = ended ? count : 0;
      const instruction = this.#program[at - shift]!;
      if (instruction.op === "match") return true;
      if (instruction.op === "byte") {
        if (!ended && instruction.set.includes(1)) waiting.push(at);
      } else if (instruction.op === "split") {
        stack.push(instruction.other + shift, instruction.next + shift);
      } else if (instruction.op === "end") stack.push(instruction.next + count);
      else if (instruction.op === "begin" && atBegin) stack.push(instruction.next + shift);
    }
    return false;
  }

  #classify(): Uint8Array {
    const sets = this.#program.flatMap((i) => i.op === "byte" ? [i.set] : []);
    const classes = new Uint8Array(256);
    let count = 1;
    for (const set of new Set(sets)) {
      // Each class is split into those in the set and those that are not.
      const renamed = new Map<number, number>();
      const seen = new Map<number, number>();
      for (let byte = 0; byte < 256; byte++) {
        const key = classes[byte]! * 2 + set[byte]!;
        const before = classes[byte]!;
        if (!seen.has(before)) seen.set(before, key);
        if (seen.get(before) === key) continue;
        if (!renamed.has(key)) renamed.set(key, count++);
        classes[byte] = renamed.get(key)!;
      }
    }
    this.#classCount = count;
    return classes;
  }
}
