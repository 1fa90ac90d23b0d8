/** The help page of a command, and that of the program, from their descriptions. */
import { paragraph, rows, tied, widthOf, wrap } from "../../text/layout.ts";
import type { Command } from "../options/command.ts";
import { longName, type Option, type Table } from "../options/option.ts";

/** Columns of an option, and those of its text, on a terminal that is wide enough. */
const OPTION = 29;
/** Columns of a command line among the examples. */
const EXAMPLE = 48;
/** A page is not wider than this on any terminal: long lines are hard to read. */
const WIDEST = 80;
/** Rows begin behind it; what goes on below a name has four columns more. */
const INDENT = "  ";

/** "-p, --port N" */
function flagsOf(key: string, { short, value }: Option<unknown>): string {
  return `${short === undefined ? "    " : `-${short}, `}--${longName(key)}` +
    (value === undefined ? "" : ` ${value}`);
}

/** The rows of a group: an option each, or two that say together what they are. */
function groupRows(options: Table): [string, string][] {
  const entries = Object.entries(options);
  const found: [string, string][] = [];
  for (let i = 0; i < entries.length; i++) {
    const [key, option] = entries[i]!;
    const { brief = option.text, shown, joined } = option;
    const flags = [flagsOf(key, option)];
    if (joined) flags.push(flagsOf(...entries[++i]!).trimStart());
    found.push([flags.join(", "), shown === undefined || joined ? brief : `${brief} [${shown}]`]);
  }
  return found;
}

/** A command line; one that is too long goes on in the next line, as a shell reads it. */
const commandLine = (text: string, width: number): string =>
  widthOf(text) + INDENT.length <= width
    ? text
    : wrap(text.replaceAll(/'[^']*'/g, tied), width - 8).join(" \\\n");

export function commandPage(command: Command, columns: number): string {
  const width = Math.min(columns, WIDEST);
  const optional = command.groups.length === 0 ? "" : " [OPTIONS]";
  const usage = `Usage: iomux ${command.name}${optional} ${command.operands.usage}`.trimEnd();
  const { text } = command.operands;
  const codes = { ...command.exits, 2: "usage" };
  const exits = Object.entries(codes).map(([code, meaning]) => `${code} ${meaning}`).join(", ");
  return [
    paragraph(usage, width),
    paragraph(command.about, width),
    text === undefined ? "" : paragraph(text, width),
    ...command.groups.map(({ title, options }) =>
      `${title}:\n${rows(groupRows(options), { width, name: OPTION, indent: INDENT })}`
    ),
    "Examples:\n",
    rows(
      command.examples.map(([line, purpose]) => [commandLine(line, width), purpose]),
      { width, name: EXAMPLE, indent: INDENT },
    ),
    paragraph(`Exit codes: ${exits}.`, width),
    optional === "" ? "" : paragraph(
      "[x] is the default. Units: durations us ms s m h d, sizes B KB MB GB KiB MiB GiB, rates " +
        `and counts k m. Every option can come from IOMUX_${command.name.toUpperCase()}_<OPTION>.`,
      width,
    ),
  ].join("");
}

export function programPage(
  commands: readonly { readonly name: string; readonly about: string }[],
  columns: number,
): string {
  const width = Math.min(columns, WIDEST);
  const table = (pairs: readonly (readonly [string, string])[]) =>
    rows(pairs, { width, indent: INDENT });
  return [
    paragraph("Usage: iomux COMMAND [OPTIONS] [ARGUMENTS]", width),
    paragraph(
      "I/O multiplexing: a TCP server, a client and a load generator on real readiness",
      width,
    ),
    "\nCommands:\n",
    table(commands.map(({ name, about }) => [name, about])),
    "\nOptions:\n",
    table([
      ["-h, --help", "this page; iomux COMMAND --help is that of a command"],
      ["-V, --version", "the version"],
    ]),
    "\nExamples:\n",
    table([
      ["iomux stress", "a complete benchmark, with a server of its own"],
      ["iomux serve", "an echo server on port 9999"],
      [commandLine("echo hello | iomux client localhost:9999", width), "talk to it"],
    ]),
  ].join("");
}
