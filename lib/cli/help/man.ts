/** Manual pages in mdoc(7), from the descriptions that the help pages are made of. */
import { wrap } from "../../text/layout.ts";
import type { Command } from "../options/command.ts";
import { longName, type Option } from "../options/option.ts";

/** Columns of a line of source, before what is escaped. */
const WIDTH = 72;

/** What all pages have in common. */
export interface Edition {
  readonly version: string;
  /** Of the manual. */
  readonly date: Date;
}

/** Characters that mean something to roff, or that not every device has. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "±": "\\(+-",
  "…": "...",
  "'": "\\(aq",
  "^": "\\(ha",
  "~": "\\(ti",
};

const escaped = (text: string): string =>
  text.replace(
    /[\\±…'^~]|[^\x20-\x7e]/g,
    (char) =>
      ESCAPES[char] ?? `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
  );

/** An argument of a macro: quoted, and not a macro itself. */
const argument = (text: string): string => `"\\&${escaped(text).replaceAll('"', "\\(dq")}"`;

/** A line of text, which must not begin as a macro does. */
const line = (text: string): string => escaped(text).replace(/^\./, "\\&.");

/** A paragraph: each sentence has a line of its own. */
function paragraph(text: string): string[] {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  const whole = /[.!?:]$/.test(upper) ? upper : `${upper}.`;
  return whole.split(/(?<=\.) (?=[A-Z])/).flatMap((sentence) => wrap(sentence, WIDTH)).map(line);
}

const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
];

const head = (title: string, { date }: Edition): string[] => [
  `.Dd ${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}, ${date.getUTCFullYear()}`,
  `.Dt ${title.toUpperCase()} 1`,
  ".Os",
  ".Sh NAME",
  `.Nm ${title}`,
];

/** `Fl p , Fl Fl port Ar N` */
function item(key: string, { short, value }: Option<unknown>): string {
  const ar = value === undefined ? "" : ` Ar ${argument(value)}`;
  return `.It ${short === undefined ? "" : `Fl ${short} , `}Fl \\-${longName(key)}${ar}`;
}

function optionLines(key: string, option: Option<unknown>): string[] {
  const initial = option.shown === undefined ? [] : [line(`The default is ${option.shown}.`)];
  return [item(key, option), ...paragraph(option.text), ...initial];
}

const examples = (pairs: Command["examples"]): string[] => [
  ".Sh EXAMPLES",
  ...pairs.flatMap(([command, purpose], i) => [
    ...(i === 0 ? [] : [".Pp"]),
    ...paragraph(purpose).map((text) => text.replace(/\.$/, ":")),
    `.Dl ${line(command).replaceAll('"', "\\(dq")}`,
  ]),
];

/** The page of a command, iomux-serve(1). */
export function commandManual(command: Command, edition: Edition): string {
  const { name, about, operands, groups, exits } = command;
  const usage = [
    ...(groups.length > 0 ? [".Op Ar option ..."] : []),
    ...(operands.usage === "" ? [] : [`.Ar ${argument(operands.usage)}`]),
  ];
  const codes = { ...exits, 2: "wrong usage; nothing was started" };
  return [
    ...head(`iomux-${name}`, edition),
    `.Nd ${line(about)}`,
    ".Sh SYNOPSIS",
    `.Nm iomux ${name}`,
    ...usage,
    ".Sh DESCRIPTION",
    ...paragraph(about),
    ...(operands.text === undefined ? [] : [".Pp", ...paragraph(operands.text)]),
    ...groups.flatMap(({ title, options }) => [
      `.Ss ${argument(title)}`,
      ".Bl -tag -width Ds",
      ...Object.entries(options).flatMap(([key, option]) => optionLines(key, option)),
      ".El",
    ]),
    ...(groups.length === 0 ? [] : [
      ".Ss Values",
      "A duration takes us, ms, s, m, h or d, and can\\(aqt be without a unit.",
      "A size takes B, KB, MB, GB, KiB, MiB or GiB, a rate or a count k or m.",
      ".Sh ENVIRONMENT",
      ".Bl -tag -width Ds",
      `.It Ev IOMUX_${name.toUpperCase()}_<OPTION>`,
      "The value of any option that is not given, such as",
      `.Ev ${variableOf(command)} .`,
      "An empty variable counts as unset.",
      ".El",
    ]),
    ".Sh EXIT STATUS",
    ".Bl -tag -width Ds",
    ...Object.entries(codes).flatMap(([code, meaning]) => [`.It ${code}`, ...paragraph(meaning)]),
    ".El",
    ...examples(command.examples),
    ".Sh SEE ALSO",
    ".Xr iomux 1",
    "",
  ].join("\n");
}

const variableOf = ({ name, options }: Command): string =>
  `IOMUX_${name}_${longName(Object.keys(options)[0]!)}`.replaceAll("-", "_").toUpperCase();

/** The page of the program, iomux(1). */
export function programManual(commands: readonly Command[], edition: Edition): string {
  return [
    ...head("iomux", edition),
    ".Nd TCP server, client and load generator on I/O multiplexing",
    ".Sh SYNOPSIS",
    ".Nm",
    ".Ar command",
    ".Op Ar option ...",
    ".Op Ar argument ...",
    ".Sh DESCRIPTION",
    ".Nm",
    "waits for many connections at a time, with the system\\(aqs own means.",
    `This is version ${edition.version}.`,
    "Its commands are:",
    ".Bl -tag -width Ds",
    ...commands.flatMap(({ name, about }) => [`.It Cm ${name}`, ...paragraph(about)]),
    ".El",
    ".Pp",
    "Each has a page of its own, and a short one by",
    ".Fl \\-help .",
    ".Bl -tag -width Ds",
    ".It Fl h , Fl \\-help",
    "The commands.",
    ".It Fl V , Fl \\-version",
    "The version.",
    ".El",
    ".Sh EXIT STATUS",
    "2 is wrong usage; the others are those of the command.",
    ".Sh EXAMPLES",
    "A complete benchmark, with a server of its own:",
    ".Dl iomux stress",
    ".Sh SEE ALSO",
    commands.map(({ name }) => name).toSorted().map((name, i, all) =>
      `.Xr iomux-${name} 1${i === all.length - 1 ? "" : " ,"}`
    ).join("\n"),
    "",
  ].join("\n");
}
