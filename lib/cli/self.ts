/** How this program is started once more, from source or as the compiled one. */

/** The command of a process of `stress --processes`, which is none for people. */
export const PART_COMMAND = "stress-part";

/** The command line of this program with other arguments: an executable and its arguments. */
export function selfCommand(args: readonly string[]): string[] {
  const { execPath, execArgv, argv, versions } = process;
  const script = argv[1] ?? "";
  // Within a compiled program the files of its source have names that lie nowhere on a disk.
  if (isInside(script)) return [execPath, ...args];
  // deno does not tell its own flags; -P takes the permissions from the deno.json beside the script.
  const flags = versions.deno ? ["run", "-q", "-P"] : execArgv;
  return [execPath, ...flags, script, ...args];
}

const isInside = (script: string) => /^(\/\$bunfs\/|[A-Z]:[/\\]~BUN[/\\])/.test(script);
