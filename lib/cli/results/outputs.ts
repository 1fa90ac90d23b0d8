/** `--json` and `-o FILE`: where a result goes, and as what. */
import { InvalidArgumentError, type Option } from "@commander-js/extra-typings";
import { option } from "../options/options.ts";

/** What a file's ending makes of a result. */
const FORMATS = {
  ".json": "json",
  ".html": "html",
  ".csv": "csv",
  ".hgrm": "hgrm",
  ".xml": "junit",
  ".md": "markdown",
} as const;

/** How a result can be written. */
export type OutputFormat = typeof FORMATS[keyof typeof FORMATS];

/** A file to write. */
export interface Output {
  readonly path: string;
  readonly format: OutputFormat;
}

/** The options for results. */
export interface OutputFlags {
  /** JSON on stdout in place of text. */
  readonly json: boolean;
  readonly output: readonly Output[];
}

/** `--json`. */
export const jsonOption = (): Option<"--json"> =>
  option("--json", "the result as JSON on stdout, and nothing else there");

/** `-o, --output`, repeatable. `formats` are those that the command can write. */
export function outputOption(
  formats: readonly OutputFormat[] = Object.values(FORMATS),
): Option<"-o, --output <file>", undefined, Output[], Output[]> {
  const endings = Object.entries(FORMATS).filter(([, format]) => formats.includes(format))
    .map(([ending]) => ending);
  const collect = (path: string, before: Output[]): Output[] => {
    const ending = /\.[^./\\]+$/.exec(path)?.[0].toLowerCase() ?? "";
    if (!endings.includes(ending)) {
      throw new InvalidArgumentError(
        `"${path}" does not say what to write: names end in ${endings.join(" ")}.`,
      );
    }
    return [...before, { path, format: FORMATS[ending as keyof typeof FORMATS] }];
  };
  return option("-o, --output <file>", `write it too; by its ending: ${endings.join(" ")}`)
    .argParser(collect).default([] as Output[], "none") as never;
}
