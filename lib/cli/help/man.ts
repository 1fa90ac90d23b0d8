/** Manual pages in mdoc(7), from the descriptions that the help pages are made of. */
import { wrap } from "../../text/layout.ts";
import type { Command } from "../options/command.ts";
import { variableOf } from "../options/environment.ts";
import { longName, type Option } from "../options/option.ts";

/** Columns of a line of source, before what is escaped. */
const WIDTH = 72;

export interface Edition {
  readonly version: string;
  readonly date: Date;
}

/** Characters that mean something to roff, or that not every device has. */
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ "\\": "\\e", "±": "\\(+-", "…": "...", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti" },
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
  // What is typed as it stands, such as p99<5ms, keeps its letters.
  const upper = text.replace(
    /^[a-z]+(?=[ ,;:.]|$)/,
    (word) => word[0]!.toUpperCase() + word.slice(1),
  );
  const whole = /[.!?:]$/.test(upper) ? upper : `${upper}.`;
  return whole.split(/(?<=\.) (?=[A-Z])/).flatMap((sentence) => wrap(sentence, WIDTH)).map(line);
}

const list = (items: readonly (readonly [item: string, text: string[]])[]): string[] => [
  ".Bl -tag -width Ds",
  ...items.flatMap(([item, text]) => [`.It ${item}`, ...text]),
  ".El",
];

const page = (title: string, { date }: Edition, about: string, rest: string[]): string =>
  [
    `.Dd ${date.toLocaleDateString("en-US", { dateStyle: "long", timeZone: "UTC" })}`,
    `.Dt ${title.toUpperCase()} 1`,
    ".Os",
    ".Sh NAME",
    `.Nm ${title}`,
    `.Nd ${line(about)}`,
    ".Sh SYNOPSIS",
    ...rest,
    "",
  ].join("\n");

/** `Fl p , Fl Fl port Ar N`, and what it is. */
function optionItem(key: string, option: Option<unknown>): [string, string[]] {
  const { short, value, shown, text } = option;
  const ar = value === undefined ? "" : ` Ar ${argument(value)}`;
  const initial = shown === undefined ? [] : [line(`The default is ${shown}.`)];
  return [
    `${short === undefined ? "" : `Fl ${short} , `}Fl \\-${longName(key)}${ar}`,
    [...paragraph(text), ...initial],
  ];
}

const examples = (pairs: Command["examples"]): string[] => [
  ".Sh EXAMPLES",
  ...pairs.flatMap(([command, purpose], i) => [
    ...(i === 0 ? [] : [".Pp"]),
    ...paragraph(purpose).map((text) => text.replace(/\.$/, ":")),
    `.Dl ${line(command).replaceAll('"', "\\(dq")}`,
  ]),
];

export function commandManual(command: Command, edition: Edition): string {
  const { name, about, operands, groups, exits, options } = command;
  const variable = (key: string) => `Ev ${variableOf(name, key)}`;
  const codes = { ...exits, 2: "wrong usage; nothing was started" };
  return page(`iomux-${name}`, edition, about, [
    `.Nm iomux ${name}`,
    ...(groups.length > 0 ? [".Op Ar option ..."] : []),
    ...(operands.usage === "" ? [] : [`.Ar ${argument(operands.usage)}`]),
    ".Sh DESCRIPTION",
    ...paragraph(about),
    ...(operands.text === undefined ? [] : [".Pp", ...paragraph(operands.text)]),
    ...groups.flatMap(({ title, options }) => [
      `.Ss ${argument(title)}`,
      ...list(Object.entries(options).map(([key, option]) => optionItem(key, option))),
    ]),
    ...(groups.length === 0 ? [] : [
      ".Ss Values",
      "A duration takes us, ms, s, m, h or d, and can\\(aqt be without a unit.",
      "A size takes B, KB, MB, GB, KiB, MiB or GiB, a rate or a count k or m.",
      ".Sh ENVIRONMENT",
      ...list([[`${variable("")}<OPTION>`, [
        "The value of any option that is not given, such as",
        `.${variable(Object.keys(options)[0]!)} .`,
        "An empty variable counts as unset.",
      ]]]),
    ]),
    ".Sh EXIT STATUS",
    ...list(Object.entries(codes).map(([code, meaning]) => [code, paragraph(meaning)])),
    ...examples(command.examples),
    ".Sh SEE ALSO",
    ".Xr iomux 1",
  ]);
}

export function programManual(commands: readonly Command[], edition: Edition): string {
  const pages = commands.map(({ name }) => `.Xr iomux-${name} 1`).toSorted().join(" ,\n");
  return page("iomux", edition, "TCP server, client and load generator on I/O multiplexing", [
    ".Nm",
    ".Ar command",
    ".Op Ar option ...",
    ".Op Ar argument ...",
    ".Sh DESCRIPTION",
    ".Nm",
    "waits for many connections at a time, with the system\\(aqs own means.",
    `This is version ${edition.version}.`,
    "Its commands are:",
    ...list(commands.map(({ name, about }) => [`Cm ${name}`, paragraph(about)])),
    ".Pp",
    "Each has a page of its own, and a short one by",
    ".Fl \\-help .",
    ...list([
      ["Fl h , Fl \\-help", ["The commands."]],
      ["Fl V , Fl \\-version", ["The version."]],
    ]),
    ".Sh EXIT STATUS",
    "2 is wrong usage; the others are those of the command.",
    ...examples([["iomux stress", "A complete benchmark, with a server of its own"]]),
    ".Sh SEE ALSO",
    pages,
  ]);
}
