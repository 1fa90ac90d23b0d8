/** The help page of a command, and that of the program, from their descriptions. */
import { rows, wrap } from "../../text/layout.ts";
import type { Command } from "../options/command.ts";
import { longName, type Option, type Table } from "../options/option.ts";

/** Columns of an option, and those of its text, on a terminal that is wide enough. */
const OPTION = 31;
/** A page is not wider than this on any terminal: long lines are hard to read. */
const WIDEST = 80;

/** "-p, --port N" */
export function flagsOf(key: string, { short, value }: Option<unknown>): string {
  return `${short === undefined ? "    " : `-${short}, `}--${longName(key)}` +
    (value === undefined ? "" : ` ${value}`);
}

/** The rows of a group: an option each, or two that say together what they are. */
function groupRows(options: Table): [string, string][] {
  const entries = Object.entries(options);
  const found: [string, string][] = [];
  for (let i = 0; i < entries.length; i++) {
    const [key, option] = entries[i]!;
    const next = option.row === undefined ? undefined : entries[++i];
    const flags = next ? `${flagsOf(key, option)}, ${flagsOf(...next).trimStart()}` : flagsOf(
      key,
      option,
    );
    const initial = option.shown === undefined || next ? "" : ` [${option.shown}]`;
    found.push([flags, (option.row ?? option.text) + initial]);
  }
  return found;
}

/** The help page of a command for a terminal of so many columns. */
export function commandPage(command: Command, columns: number): string {
  const width = Math.min(columns, WIDEST);
  const paragraph = (text: string) => wrap(text, width).join("\n") + "\n";
  const usage = `Usage: iomux ${command.name} [OPTIONS] ${command.operands.usage}`.trimEnd();
  const { text } = command.operands;
  const codes = { ...command.exits, 2: "wrong usage" };
  const exits = Object.entries(codes).map(([code, meaning]) => `${code} ${meaning}`).join(", ");
  return [
    paragraph(usage),
    paragraph(command.about),
    text === undefined ? "" : paragraph(text),
    ...command.groups.map(({ title, options }) =>
      `${title}:\n${rows(groupRows(options), { width, name: OPTION - 2, indent: "  " })}`
    ),
    "Examples:\n",
    rows(command.examples, { width, indent: "  " }),
    paragraph(`Exit codes: ${exits}.`),
    paragraph(
      `[x] is the default. Each option can come from IOMUX_${command.name.toUpperCase()}_<OPTION>.`,
    ),
  ].join("");
}

/** The help page of the program. */
export function programPage(
  commands: readonly { readonly name: string; readonly about: string }[],
  columns: number,
): string {
  const width = Math.min(columns, WIDEST);
  const pairs = commands.map(({ name, about }) => [name, about] as const);
  return [
    "Usage: iomux COMMAND [OPTIONS] [ARGUMENTS]\n",
    "I/O multiplexing: a TCP server, a client and a load generator on real readiness\n\n",
    "Commands:\n",
    rows(pairs, { width, indent: "  " }),
    "\nOptions:\n",
    rows([["-h, --help", "this page; iomux COMMAND --help: that of a command"], [
      "-V, --version",
      "the version",
    ]], { width, indent: "  " }),
    "\nExamples:\n",
    rows([["iomux stress", "a complete benchmark, with a server of its own"], [
      "iomux serve",
      "an echo server on port 9999",
    ], ["echo hello | iomux client 127.0.0.1:9999", "talk to it"]], { width, indent: "  " }),
  ].join("");
}
