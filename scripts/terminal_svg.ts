// A picture of a terminal that has run a command: bun scripts/terminal_svg.ts OUT.svg COMMAND [ARG...]
// The command is really run, and what it has printed is what the picture shows, cut at 80 columns.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";

const COLUMNS = 80;
const CHARACTER = 8.4; // px, of a monospaced font of 14 px
const LINE = 19;
const MARGIN = 18;
const TITLE = 34;

const escape = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A row of a report: its name is set off from its words. */
function row(line: string, index: number): string {
  const y = TITLE + MARGIN + index * LINE;
  const label = /^[a-z ]{11} (?=\S)/.exec(line)?.[0] ?? "";
  const rest = line.slice(label.length);
  const name = label === "" ? "" : `<tspan class="n">${escape(label)}</tspan>`;
  const kind = rest.startsWith("$ ") ? ' class="p"' : "";
  return `<text x="${MARGIN}" y="${y}"${kind} xml:space="preserve">${name}${escape(rest)}</text>`;
}

/** The picture, for a light and for a dark page. */
export function terminalSvg(title: string, lines: readonly string[]): string {
  const width = Math.round(COLUMNS * CHARACTER + 2 * MARGIN);
  const height = TITLE + MARGIN + lines.length * LINE;
  const dots = [0, 1, 2].map((i) =>
    `<circle cx="${MARGIN + i * 18}" cy="17" r="5.5" class="d${i}"/>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${
    escape(title)
  }">
<style>
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d7dae0 }
.n { fill: #7fb4ff } .p { fill: #9ece6a; font-weight: bold } .t { fill: #8a919e; text-anchor: middle }
.d0 { fill: #ff5f57 } .d1 { fill: #febc2e } .d2 { fill: #28c840 }
</style>
<rect width="${width}" height="${height}" rx="9" fill="#1b1e25"/>
${dots.join("\n")}
<text x="${width / 2}" y="22" class="t">${escape(title)}</text>
${lines.map(row).join("\n")}
</svg>
`;
}

/** Cut where a line is longer than a terminal is wide. */
const fit = (line: string) => line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line;

if (import.meta.main) {
  const [out, command, ...args] = process.argv.slice(2);
  if (out === undefined || command === undefined) {
    console.error("usage: bun scripts/terminal_svg.ts OUT.svg COMMAND [ARG...]");
    process.exit(2);
  }
  const env = { ...process.env, COLUMNS: String(COLUMNS), NO_COLOR: "1" };
  const { stdout, status } = spawnSync(command, args, { encoding: "utf8", env });
  if (status !== 0) {
    console.error(`${command} has ended with ${status}: no picture`);
    process.exit(1);
  }
  const typed = `iomux ${args.slice(args.indexOf("stress")).join(" ")}`;
  writeFileSync(out, terminalSvg(typed, [`$ ${typed}`, ...stdout.trimEnd().split("\n").map(fit)]));
}
