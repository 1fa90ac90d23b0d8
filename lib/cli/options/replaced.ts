/** Options that were there once, as an option, a variable or a key of a scenario: what has replaced them. */

const written = (ending: string) => `use -o FILE.${ending} of iomux stress or iomux report`;

/** By their long names; "json=" is `--json` with a value. */
const REPLACED: ReadonlyMap<string, string> = new Map([
  ["json=", written("json")],
  ["html", written("html")],
  ["csv", written("csv")],
  ["hgrm", written("hgrm")],
  ["merge", "use iomux report A.json B.json"],
  ["profile", "use iomux probe [HOST:PORT] [PROFILE…]"],
  ["processes", "use --workers, or --start-at in several and iomux report"],
]);

/** " is gone: use ...", for the long name of an option, or for that of its variable; or nothing. */
export function replacement(name: string): string | undefined {
  const instead = REPLACED.get(name.replace(/^--/, "").toLowerCase().replaceAll("_", "-"));
  return instead === undefined ? undefined : ` is gone: ${instead}`;
}

/** What to use in place of a value, for an option that takes none. */
export const insteadOfValue = (name: string): string | undefined =>
  REPLACED.get(`${name.replace(/^--/, "")}=`);
