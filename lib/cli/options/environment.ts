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

/** Values that are names of files and hosts: a message that has one in it is about the option. */
const NAMES = /FILE|PATH|ADDR|HOST/;

/** The names in a value: those of a list, and of HOST:PORT the host. */
const namesIn = (text: string): string[] =>
  text.split(",").flatMap((part) => [part.trim(), part.replace(/^\[|\]?:\w*$/g, "")]);

/** Whether a message has a name that is no part of another. */
const hasName = (message: string, name: string): boolean =>
  message.split(name).some((before, i, parts) =>
    name !== "" && i + 1 < parts.length && !/[\w./-]$/.test(before) &&
    !/^[\w/-]/.test(parts[i + 1]!)
  );

/** A message that is about options, with the variables that some of them are from. */
export function withVariables(
  message: string,
  { values }: { readonly values: readonly Variable[] },
  command: Command,
  source: (key: string) => string,
): string {
  const isAbout = (key: string, text: string) => {
    if (new RegExp(`'--${longName(key)}[ ']`).test(message)) return true;
    const isName = NAMES.test(command.options[key]!.value ?? "");
    return isName && namesIn(text).some((name) => hasName(message, name));
  };
  const from = Object.keys(command.options).flatMap((key) => {
    const variable = source(key) === "env" ? values.find((each) => each.key === key) : undefined;
    if (!variable || !isAbout(key, variable.text)) return [];
    return [`'--${longName(key)}' is from ${variable.name}`];
  });
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
