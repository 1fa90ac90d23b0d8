/** The keys of a scenario: options of `iomux stress` under their long names, stages, and thresholds. */
import { parseCount, parseRate } from "../../text/units.ts";
import { list, type Option, type Table, value } from "../options/option.ts";
import { parseSources } from "../options/sources.ts";
import { checked, text } from "../options/values.ts";
import { RUN, STRESS } from "../stress/command.ts";

/** A stage may be a pause. */
const orNone = (parse: (text: string) => number) => (text: string) =>
  text === "0" ? 0 : parse(text);

const { duration, rate, connections } = STRESS.options;

export const STAGE: Table = {
  duration,
  rate: { ...rate, parse: orNone(parseRate) },
  connections: { ...connections, parse: parseCount },
  ramp: STRESS.options.hold,
};

export const KEYS: Table = {
  target: value("HOST:PORT", "the target", text),
  ...Object.assign({}, ...Object.values(RUN)) as Table,
  source: { ...STRESS.options.source, parse: checked(parseSources) },
  stages: list("a list of stages", "stages, one after the other", (text) => [text]),
  thresholds: STRESS.options.threshold as Option<unknown>,
};
