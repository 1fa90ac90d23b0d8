/** Environment variables: IOMUX_<COMMAND>_<OPTION>. */
import { nearest } from "../../text/nearest.ts";
import type { Command } from "./command.ts";
import { longName } from "./option.ts";
import { replacement } from "./replaced.ts";

export const variableOf = (command: string, key: string): string =>
  `IOMUX_${command}_${longName(key)}`.replaceAll("-", "_").toUpperCase();

/** What Kubernetes and Docker set for a service of the name "iomux-serve", whatever our options are. */
const SERVICE = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const ADDRESS = /^(tcp|udp|sctp):\/\//;

/** A message that names options, with the variables that some of them are from. */
export function withVariables(
  message: string,
  command: Command,
  source: (key: string) => string,
): string {
  const from = Object.keys(command.options)
    .filter((key) => source(key) === "env" && message.search(`'--${longName(key)}[ ']`) >= 0)
    .map((key) => `'--${longName(key)}' is from ${variableOf(command.name, key)}`);
  return [message, ...from].join("; ");
}

interface Variable {
  readonly key: string;
  readonly name: string;
  readonly text: string;
}

/** The variables of a command that have a value, and warnings of those that no option has. */
export function variablesOf(
  command: Command,
  environment: Readonly<Record<string, string | undefined>>,
): { values: Variable[]; warnings: string[] } {
  const keys = new Map(
    Object.keys(command.options).map((key) => [variableOf(command.name, key), key]),
  );
  const prefix = variableOf(command.name, "");
  const values: Variable[] = [];
  const warnings: string[] = [];
  for (const [name, text = ""] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || text === "") continue;
    const key = keys.get(name);
    const isService = SERVICE.test(name) || (name.endsWith("_PORT") && ADDRESS.test(text));
    if (key !== undefined && !(isService && ADDRESS.test(text))) values.push({ key, name, text });
    else if (!isService) {
      const option = name.slice(prefix.length);
      const near = nearest(option, [...keys.keys()].map((own) => own.slice(prefix.length)));
      const hint = near === undefined ? "" : ` (did you mean ${prefix}${near}?)`;
      warnings.push(name + (replacement(option) ?? ` is no variable of this command${hint}`));
    }
  }
  return { values, warnings };
}
