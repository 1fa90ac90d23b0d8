/** A scenario file: YAML or JSON. A mistake is said with its line and column. */
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
  type YAMLMap,
} from "yaml";
import type { StageSettings } from "../../result/settings.ts";
import { UsageError } from "../exit.ts";
import { didYouMean } from "../../text/nearest.ts";
import type { Option, Table } from "../options/option.ts";
import { longName } from "../options/option.ts";
import { replacement } from "../options/replaced.ts";
import { EXCLUSIVE } from "../stress/exclusive.ts";
import { KEYS, STAGE } from "./keys.ts";
import { type StageEntry, stagesOf } from "./stages.ts";

export interface Scenario {
  /** Options of the command line, by their names there ("messagesPerConnection"), in parsed form. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly stages: readonly StageSettings[];
  /** Undefined when it says nothing of them. */
  readonly thresholds: readonly string[] | undefined;
}

/** Says what is wrong at an offset of the file; `path` is the key's. @throws UsageError */
type Fail = (offset: number, path: string, message: string) => never;

/** Reads the text of a file; its name is for messages. @throws UsageError at the first mistake */
export function parseScenario(text: string, fileName: string): Scenario {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const fail: Fail = (offset, path, message) => {
    const { line, col } = counter.linePos(offset);
    const place = `${fileName}:${Math.max(1, line)}:${Math.max(1, col)}`;
    throw new UsageError([place, path, message].filter((part) => part !== "").join(": "));
  };
  const [first] = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (first) fail(first.pos[0], "", plain(first.message));
  return new Reader(document, fail).scenario();
}

/** The parser's advice for programmers is of no use here. */
const plain = (message: string) => message.replace(/; please use .*$/, "").replaceAll("\n", " ");

/** A value that has been read, and where its key is. */
interface Entry {
  readonly value: unknown;
  readonly offset: number;
}

class Reader {
  readonly #document: Document;
  readonly #fail: Fail;
  #firstStage = 0;

  constructor(document: Document, fail: Fail) {
    this.#document = document;
    this.#fail = fail;
  }

  scenario(): Scenario {
    const { contents } = this.#document;
    const found = this.#map(contents, KEYS, "", startOf(contents));
    this.#checkTogether(found);
    const { stages = [], thresholds, ...options } = valuesOf(found);
    return {
      options,
      stages: stagesOf(stages as StageEntry[], options),
      thresholds: thresholds as string[] | undefined,
    };
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) ?? node : node;
  }

  /** A map of options, each read by its parser. */
  #map(whole: unknown, table: Table, path: string, at: number): Map<string, Entry> {
    const node = this.#resolved(whole);
    if (!isMap(node)) {
      this.#fail(startOf(whole) || at, path, `expected a map of options, found ${kind(node)}`);
    }
    const keys = new Map(Object.keys(table).map((key) => [longName(key), key]));
    return new Map((node as YAMLMap).items.map(({ key: keyNode, value: given }) => {
      const name = isScalar(keyNode) ? String(keyNode.source ?? keyNode.value) : "";
      const offset = startOf(keyNode);
      const place = path === "" ? name : `${path}.${name}`;
      const key = keys.get(name);
      if (key === undefined) {
        const replaced = replacement(name);
        if (replaced) return this.#fail(offset, place, `this key${replaced}`);
        const hint = didYouMean(name, keys.keys()) || `; there are ${[...keys.keys()].join(", ")}`;
        return this.#fail(offset, place, `there is no such key${hint}`);
      }
      return [key, { offset, value: this.#value(given, key, table[key]!, place, offset) }];
    }));
  }

  #value(given: unknown, key: string, option: Option<unknown>, path: string, at: number): unknown {
    const node = this.#resolved(given);
    if (key === "stages") return this.#stages(node, path, at);
    if (!option.repeats) return this.#scalar(node, option, path, at);
    return this.#list(node, path, at).flatMap((item, i) =>
      this.#scalar(this.#resolved(item), option, `${path}[${i}]`, startOf(item) || at)
    );
  }

  #list(node: unknown, path: string, at: number): unknown[] {
    if (isSeq(node)) return node.items;
    return this.#fail(startOf(node) || at, path, `expected a list, found ${kind(node)}`);
  }

  /** A value as it stands in the source: "1.10" is no number. */
  #scalar(node: unknown, option: Option<unknown>, path: string, at: number): unknown {
    const fail = (message: string) => this.#fail(startOf(node) || at, path, message);
    if (option.value === undefined) {
      if (isScalar(node) && typeof node.value === "boolean") return node.value;
      return fail(`expected true or false, found ${kind(node)}`);
    }
    const text = isScalar(node) ? node.source ?? String(node.value) : undefined;
    if (text === undefined || (text === "" && isPlain(node))) {
      return fail(`expected ${EXPECTED[option.value] ?? "a text"}, found ${kind(node)}`);
    }
    try {
      return option.parse(text);
    } catch (error) {
      return fail((error as Error).message);
    }
  }

  #stages(node: unknown, path: string, at: number): StageEntry[] {
    const items = this.#list(node, path, at);
    if (items.length === 0) {
      this.#fail(startOf(node), path, "expected at least one stage, found an empty list");
    }
    this.#firstStage = startOf(items[0]) || at;
    return items.map((item, i) => {
      const offset = startOf(item) || at;
      const entries = this.#map(item, STAGE, `${path}[${i}]`, offset);
      if (!entries.has("duration")) {
        this.#fail(offset, `${path}[${i}].duration`, "duration is missing");
      }
      const ramp = entries.get("ramp");
      if (ramp?.value && !entries.has("rate") && !entries.has("connections")) {
        const why = "to what? the stage has neither rate nor connections";
        this.#fail(ramp.offset, `${path}[${i}].ramp`, why);
      }
      return valuesOf(entries) as unknown as StageEntry;
    });
  }

  /** What can't be seen by a look at one key at a time. */
  #checkTogether(found: Map<string, Entry>): void {
    const exclude = (one: string, other: string, why: string) => {
      const { offset } = found.get(other) ?? {};
      if (found.has(one) && offset !== undefined) this.#fail(offset, longName(other), why);
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
        this.#fail(this.#firstStage, "stages[0]", why);
      }
      const hold = found.get("hold");
      if (key === "rate" && first >= 0 && hold?.value === true) {
        this.#fail(hold.offset, "hold", "idle connections have no rate");
      }
    }
  }
}

const valuesOf = (entries: Map<string, Entry>): Record<string, unknown> =>
  Object.fromEntries([...entries].map(([key, { value }]) => [key, value]));

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
