/** A scenario file: YAML or JSON, of which each mistake has its line and column. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
} from "yaml";
import type { Stage } from "../../stress/plan/plan.ts";
import { didYouMean } from "../../text/nearest.ts";
import type { Option, Table } from "../options/option.ts";
import { longName } from "../options/option.ts";
import { EXCLUSIVE } from "../stress/exclusive.ts";
import { KEYS, STAGE } from "./keys.ts";
import { type StageEntry, stagesOf } from "./stages.ts";

/** What a scenario asks for. */
export interface Scenario {
  /** Options of the command line, by their names there ("messagesPerConnection"), in parsed form. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly stages: readonly Stage[];
  /** Undefined when it says nothing of them. */
  readonly thresholds: readonly string[] | undefined;
}

/** A file with mistakes: one line for each, with the place that it is about. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** More mistakes than this are likely one. */
const MOST = 20;

/** Reads the text of a file; its name is for messages. @throws ScenarioError */
export function parseScenario(text: string, fileName: string): Scenario {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const issues = [...document.errors, ...document.warnings]
    .map(({ pos, message }): Issue => ({ offset: pos[0], message: plain(message) }));
  const reader = new Reader(document, issues);
  const scenario = issues.length === 0 ? reader.scenario() : undefined;
  if (issues.length === 0) return scenario!;
  const lines = issues.sort((a, b) => a.offset - b.offset).slice(0, MOST)
    .map(({ offset, message }) => {
      const { line, col } = counter.linePos(offset);
      return `${fileName}:${Math.max(1, line)}:${Math.max(1, col)}: ${message}`;
    });
  throw new ScenarioError(lines);
}

/** The parser's advice for programmers is of no use here. */
const plain = (message: string) => message.replace(/; please use .*$/, "").replaceAll("\n", " ");

/** Something wrong, and where. */
interface Issue {
  readonly offset: number;
  readonly message: string;
}

/** A value that has been read, and where its key is. */
interface Entry {
  readonly value: unknown;
  readonly offset: number;
}

class Reader {
  readonly #document: Document;
  readonly #issues: Issue[];
  /** Where the first stage is. */
  #firstStage = 0;

  constructor(document: Document, issues: Issue[]) {
    this.#document = document;
    this.#issues = issues;
  }

  scenario(): Scenario {
    const found = this.#map(this.#document.contents, KEYS, "", startOf(this.#document.contents));
    if (this.#issues.length === 0) this.#checkTogether(found);
    const { stages, thresholds, ...options } = Object.fromEntries(
      [...found].map(([key, { value }]) => [key, value]),
    );
    return {
      options,
      stages: this.#issues.length > 0 ? [] : stagesOf(
        (stages ?? []) as StageEntry[],
        options as { rate?: number; connections?: number },
      ),
      thresholds: thresholds as string[] | undefined,
    };
  }

  #wrong(offset: number, path: string, message: string): undefined {
    this.#issues.push({ offset, message: path === "" ? message : `${path}: ${message}` });
    return undefined;
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) ?? node : node;
  }

  /** A map of options, each read by its parser. Keys that there are not are mistakes. */
  #map(whole: unknown, table: Table, path: string, offset: number): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    const node = this.#resolved(whole);
    if (!isMap(node)) {
      this.#wrong(startOf(whole) || offset, path, `expected a map of options, found ${kind(node)}`);
      return entries;
    }
    const keys = new Map(Object.keys(table).map((key) => [longName(key), key]));
    for (const { key: keyNode, value: given } of node.items) {
      const name = isScalar(keyNode) ? String(keyNode.source ?? keyNode.value) : "";
      const key = keys.get(name);
      const offset = startOf(keyNode);
      const place = path === "" ? name : `${path}.${name}`;
      if (key === undefined) {
        const hint = didYouMean(name, keys.keys()) || `; there are ${[...keys.keys()].join(", ")}`;
        this.#wrong(offset, place, `there is no such key${hint}`);
        continue;
      }
      entries.set(key, { offset, value: this.#value(given, key, table[key]!, place, offset) });
    }
    return entries;
  }

  #value(given: unknown, key: string, option: Option<unknown>, path: string, at: number): unknown {
    const node = this.#resolved(given);
    if (key === "stages") return this.#stages(node, path, at);
    if (!option.repeats) return this.#scalar(node, option, path, at);
    return this.#list(node, path, at)?.flatMap((item, i) =>
      this.#scalar(this.#resolved(item), option, `${path}[${i}]`, startOf(item) || at)
    );
  }

  #list(node: unknown, path: string, at: number): unknown[] | undefined {
    if (isSeq(node)) return node.items;
    return this.#wrong(startOf(node) || at, path, `expected a list, found ${kind(node)}`);
  }

  /** A value as it stands in the source: "1.10" is no number. */
  #scalar(node: unknown, option: Option<unknown>, path: string, at: number): unknown {
    const offset = startOf(node) || at;
    if (option.value === undefined) {
      if (isScalar(node) && typeof node.value === "boolean") return node.value;
      return this.#wrong(offset, path, `expected true or false, found ${kind(node)}`);
    }
    const text = isScalar(node) ? node.source ?? String(node.value) : undefined;
    if (text === undefined || (text === "" && isPlain(node))) {
      return this.#wrong(
        offset,
        path,
        `expected ${EXPECTED[option.value] ?? "a text"}, found ${kind(node)}`,
      );
    }
    try {
      return option.parse(text);
    } catch (error) {
      return this.#wrong(offset, path, (error as Error).message);
    }
  }

  #stages(node: unknown, path: string, at: number): StageEntry[] | undefined {
    const items = this.#list(node, path, at);
    if (items?.length === 0) {
      return this.#wrong(startOf(node), path, "expected at least one stage, found an empty list");
    }
    const stages = items?.map((item, i) => {
      const offset = startOf(item) || at;
      if (i === 0) this.#firstStage = offset;
      const entries = this.#map(item, STAGE, `${path}[${i}]`, offset);
      const isComplete = entries.has("duration") || !isMap(this.#resolved(item));
      if (!isComplete) this.#wrong(offset, `${path}[${i}].duration`, "duration is missing");
      if (entries.get("ramp")?.value && !entries.has("rate") && !entries.has("connections")) {
        const { offset } = entries.get("ramp")!;
        this.#wrong(
          offset,
          `${path}[${i}].ramp`,
          "to what? the stage has neither rate nor connections",
        );
      }
      return Object.fromEntries([...entries].map(([key, { value }]) => [key, value]));
    });
    return stages as StageEntry[] | undefined;
  }

  /** What can't be seen by a look at one key at a time. */
  #checkTogether(found: Map<string, Entry>): void {
    const exclude = (one: string, other: string, why: string) => {
      const { offset } = found.get(other) ?? {};
      if (found.has(one) && offset !== undefined) this.#wrong(offset, longName(other), why);
    };
    for (const [one, other, why] of EXCLUSIVE) exclude(one, other, why);
    exclude("target", "unix", "a target and a Unix socket exclude each other");
    exclude("stages", "duration", "the time of a run is that of its stages");
    exclude("stages", "ramp", "a stage can be a ramp itself: ramp: true");
    const stages = (found.get("stages")?.value ?? []) as StageEntry[];
    for (const key of ["rate", "connections"] as const) {
      const first = stages.findIndex((stage) => stage[key] !== undefined);
      if (first > 0 && !found.has(key)) {
        const why = `there is no ${key}, which stages[${first}] has: ` +
          "give it here or before the stages";
        this.#wrong(this.#firstStage, "stages[0]", why);
      }
      if (key === "rate" && first >= 0 && found.get("hold")?.value === true) {
        this.#wrong(found.get("hold")!.offset, "hold", "idle connections have no rate");
      }
    }
  }
}

/** What is expected of a value, by its placeholder in the help. */
const EXPECTED: Readonly<Record<string, string>> = {
  "N": "a whole number",
  "N|auto": "a number of threads, or auto",
  "DUR": "a duration such as 10s",
  "SIZE": "a size such as 64B",
  "RATE": "a rate such as 10k",
};

const startOf = (node: unknown): number => (node as Node | null)?.range?.[0] ?? 0;

const isPlain = (node: unknown) => isScalar(node) && node.type === Scalar.PLAIN;

/** What a node is, for a message. */
function kind(node: unknown): string {
  if (isAlias(node)) return `an alias of nothing, *${node.source}`;
  if (isSeq(node)) return "a list";
  if (isMap(node)) return "a map";
  if (!isScalar(node) || (node.value === null && isPlain(node))) return "nothing";
  return JSON.stringify(node.source ?? node.value);
}
