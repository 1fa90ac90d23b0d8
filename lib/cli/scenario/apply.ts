/** `--scenario FILE`: options from a file, over which those of the command line win. */
import { dirname, isAbsolute, join } from "node:path";
import type { StageSettings } from "../../result/settings.ts";
import { readText } from "../input.ts";
import { parseScenario, type Scenario } from "./file.ts";
import { lengthOf, mostConnections, without } from "./stages.ts";
import { EXCLUSIVE } from "../stress/exclusive.ts";
import type { RunSettings } from "../stress/session.ts";

/** The options of a run, with those of a scenario among them. */
export interface Applied<O> {
  readonly options: O;
  /** Names of the options that were given, here or there. */
  readonly given: ReadonlySet<string>;
  readonly stages: readonly StageSettings[];
  /** Undefined when the scenario has none, or the command line has its own. */
  readonly thresholds: readonly string[] | undefined;
}

export function readScenario(file: string): Scenario {
  const scenario = parseScenario(readText(file, "scenario"), file);
  // Beside the scenario, wherever that is read from.
  const files = Object.entries(scenario.options).flatMap(([name, path]) =>
    (name === "messageFile" || name === "messagesFrom") && !isAbsolute(`${path}`)
      ? [[name, join(dirname(file), `${path}`)]]
      : []
  );
  return { ...scenario, options: { ...scenario.options, ...Object.fromEntries(files) } };
}

/** What a scenario looks at in the options over which it is put. */
type Targets = Pick<RunSettings, "target" | "unix">;

/** Puts a scenario below the options that were given on the command line or by the environment. */
export function applyScenario<O extends Targets>(
  scenario: Scenario,
  options: O,
  given: ReadonlySet<string>,
): Applied<O> {
  const added = Object.entries(scenario.options).filter(([name]) =>
    !given.has(name) &&
    !EXCLUSIVE.some(([one, other]) =>
      (name === one && given.has(other)) || (name === other && given.has(one))
    )
  ).filter(([name]) => {
    const hasTarget = options.target !== undefined || options.unix !== undefined;
    return !(hasTarget && (name === "target" || name === "unix"));
  });
  let { stages } = scenario;
  const values: Record<string, unknown> = Object.fromEntries(added);
  if (stages.length > 0 && !given.has("duration")) values.duration = lengthOf(stages);
  for (const key of ["rate", "connections"] as const) {
    if (given.has(key)) stages = without(stages, key);
  }
  if (given.has("hold")) stages = without(stages, "rate");
  if (stages.some(({ connections }) => connections)) {
    values.connections = Math.max(1, mostConnections(stages));
  }
  return {
    options: { ...options, ...values },
    given: new Set([...given, ...Object.keys(values)]),
    stages,
    thresholds: given.has("threshold") ? undefined : scenario.thresholds,
  };
}

/** Both in one. @throws UsageError as `readScenario` */
export const withScenario = <O extends Targets>(
  file: string,
  options: O,
  given: ReadonlySet<string>,
): Applied<O> => applyScenario(readScenario(file), options, given);
