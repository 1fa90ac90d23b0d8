/** `--json` and `-o FILE`: where a result goes, and as what. */
import { didYouMean } from "../../text/nearest.ts";

/** What a file's ending makes of a result. */
const FORMATS = {
  ".json": "json",
  ".html": "html",
  ".csv": "csv",
  ".hgrm": "hgrm",
  ".xml": "junit",
  ".md": "markdown",
} as const;

export type OutputFormat = typeof FORMATS[keyof typeof FORMATS];

export interface Output {
  readonly path: string;
  readonly format: OutputFormat;
}

export interface OutputFlags {
  readonly json: boolean;
  readonly output: readonly Output[];
}

/** Reads `-o FILE`. `formats` are those that the command can write. */
export function outputFile(
  formats: readonly OutputFormat[] = Object.values(FORMATS),
): (path: string) => Output[] {
  const endings = Object.entries(FORMATS).filter(([, format]) => formats.includes(format))
    .map(([ending]) => ending);
  return (path) => {
    const ending = /\.[^./\\]+$/.exec(path)?.[0].toLowerCase() ?? "";
    if (!endings.includes(ending)) {
      const hint = didYouMean(ending, endings);
      throw new Error(
        `"${path}" does not say what to write${hint}: names end in ${endings.join(" ")}`,
      );
    }
    return [{ path, format: FORMATS[ending as keyof typeof FORMATS] }];
  };
}
