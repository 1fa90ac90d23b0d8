/** A scenario file: YAML or JSON, of which each mistake is told with its line and column. */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from "yaml";
import type { Stage } from "../../stress/plan/plan.ts";
import { checkScenario, type ScenarioValues, type SchemaIssue } from "./schema.ts";
import { stagesOf } from "./stages.ts";

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
  const place = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return `${fileName}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  const problems = [...document.errors, ...document.warnings]
    .map(({ pos, message }) => `${place(pos[0])}: ${plain(message)}`);
  if (problems.length > 0) throw new ScenarioError(problems.slice(0, MOST));
  const checked = checkScenario(valueOf(document, fileName));
  const issues = "issues" in checked
    ? checked.issues as SchemaIssue[]
    : inconsistencies(checked as ScenarioValues);
  if (issues.length > 0) {
    const found = issues.map((issue) => ({ ...issue, offset: offsetOf(document, issue) }))
      .sort((a, b) => a.offset - b.offset).slice(0, MOST);
    throw new ScenarioError(found.map(({ path, message, offset }) => {
      const name = nameOf(path);
      return `${place(offset)}: ${name && `${name}: `}${message}`;
    }));
  }
  const { stages, thresholds, ...options } = checked as ScenarioValues;
  return {
    options: Object.fromEntries(
      Object.entries(options).map(([key, value]) => [camelCase(key), value]),
    ),
    stages: stagesOf(stages ?? [], options as { rate?: number; connections?: number }),
    thresholds,
  };
}

/** The parser's advice for programmers is of no use here. */
const plain = (message: string) => message.replace(/; please use .*$/, "").replaceAll("\n", " ");

function valueOf(document: Document, fileName: string): unknown {
  try {
    return document.toJS();
  } catch (error) { // an anchor that is not there, or aliases of aliases of aliases
    throw new ScenarioError([`${fileName}: ${(error as Error).message}`]);
  }
}

/** What the schema can't see, as it looks at one key at a time. */
function inconsistencies(values: ScenarioValues): SchemaIssue[] {
  const issues: SchemaIssue[] = [];
  const { stages } = values;
  const exclude = (one: string, other: string, why: string) => {
    if (one in values && other in values) {
      issues.push({ path: [other], message: `${why} ${one}`, atKey: true });
    }
  };
  exclude("target", "unix", "there is already a");
  exclude("message", "size", "a message has the size that it has; there is already a");
  exclude("message", "message-file", "there is already a");
  exclude("stages", "duration", "the time of a run is that of its");
  exclude("stages", "ramp", "a stage can be a ramp itself: there are already");
  if (stages === undefined) return issues;
  for (const key of ["rate", "connections"] as const) {
    const first = stages.findIndex((stage) => stage[key] !== undefined);
    if (first > 0 && !(key in values)) {
      issues.push({
        path: ["stages", 0],
        message:
          `there is no ${key}, which stages[${first}] has: give it here or before the stages`,
        atKey: false,
      });
    }
    if (key === "rate" && first >= 0 && values.hold === true) {
      issues.push({ path: ["hold"], message: "idle connections have no rate", atKey: true });
    }
  }
  for (const [index, stage] of stages.entries()) {
    if (stage.ramp && stage.rate === undefined && stage.connections === undefined) {
      issues.push({
        path: ["stages", index, "ramp"],
        message: "to what? the stage has neither rate nor connections",
        atKey: true,
      });
    }
  }
  return issues;
}

const camelCase = (key: string) => key.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/** "stages[1].duration" */
const nameOf = (path: readonly (string | number)[]) =>
  path.map((key) => typeof key === "number" ? `[${key}]` : `.${key}`).join("").replace(/^\./, "");

/** Where the text has what an issue is about, or the nearest thing around it. */
function offsetOf(document: Document, { path, atKey }: SchemaIssue): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [depth, key] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (!isCollection(node)) break;
    if (isMap(node)) {
      const pair = node.items.find((item: Pair) => isScalar(item.key) && item.key.value === key);
      if (pair === undefined) break;
      node = pair.value;
      const wanted = atKey && depth === path.length - 1;
      offset = wanted || node === null ? startOf(pair.key) : startOf(node) || startOf(pair.key);
    } else {
      node = node.items[key as number];
      offset = startOf(node) || offset;
    }
  }
  return offset;
}

const startOf = (node: unknown): number => (node as Node | null)?.range?.[0] ?? 0;
