// A log-log line plot as SVG text, in one or more panels that share their axes. It brings its own
// background, so that it reads the same on light and dark pages.

export interface Line {
  /** Written at the line's end; "" for none. */
  name: string;
  color: string;
  dashed: boolean;
  points: [x: number, y: number][];
}

export interface Plot {
  title: string;
  caption: string;
  xLabel: string;
  yLabel: string;
  panels: { title: string; lines: Line[] }[];
  legend: { name: string; dashed: boolean }[];
}

const panelWidth = 400, panelHeight = 320, labelWidth = 76;
const left = 84, top = 92, bottom = 84, right = 12;
const ink = "#1f2933", muted = "#52606d", grid = "#e4e7eb", paper = "#ffffff";

const escape = (text: string) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const thousands = (value: number) => value.toLocaleString("en-US");

/** A text element; `extra` holds further attributes. */
function text(x: number, y: number, content: string, size: number, extra = ""): string {
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" ${extra}>${
    escape(content)
  }</text>`;
}

const round = (value: number) => Math.round(value * 10) / 10;

/** The powers of ten around all values. */
function decades(values: number[]): number[] {
  const from = Math.floor(Math.log10(Math.min(...values)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values)) - 0.01));
  return Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
}

/** Moves labels apart that would be written over each other; they stay in order. */
function apart(wanted: number[], least: number): number[] {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  for (let pass = 0; pass < 20; pass++) {
    for (let i = 1; i < order.length; i++) {
      const overlap = least - (order[i]!.y - order[i - 1]!.y);
      if (overlap <= 0) continue;
      order[i]!.y += overlap / 2;
      order[i - 1]!.y -= overlap / 2;
    }
  }
  const result: number[] = [];
  for (const { y, i } of order) result[i] = y;
  return result;
}

/** The whole image. */
export function plot({ title, caption, xLabel, yLabel, panels, legend }: Plot): string {
  const points = panels.flatMap(({ lines }) => lines.flatMap((line) => line.points));
  const xs = decades(points.map(([x]) => x)), ys = decades(points.map(([, y]) => y));
  const share = (value: number, ticks: number[]) =>
    Math.log10(value / ticks[0]!) / Math.log10(ticks.at(-1)! / ticks[0]!);
  const width = left + panels.length * (panelWidth + labelWidth) + right;
  const height = top + panelHeight + bottom;
  const yAt = (value: number) => top + panelHeight * (1 - share(value, ys));

  const drawn = panels.map((panel, i) => {
    const origin = left + i * (panelWidth + labelWidth);
    const xAt = (value: number) => origin + panelWidth * share(value, xs);
    return [
      text(origin, top - 10, panel.title, 13, `font-weight="600" fill="${ink}"`),
      ...ys.map((y) => rule(origin, yAt(y), origin + panelWidth, yAt(y))),
      ...xs.map((x) => rule(xAt(x), top, xAt(x), top + panelHeight)),
      ...xs.map((x) => {
        const anchor = `text-anchor="middle" fill="${muted}"`;
        return text(xAt(x), top + panelHeight + 18, thousands(x), 12, anchor);
      }),
      // The longest first, so that those which end early are not covered.
      ...panel.lines.toSorted((a, b) => (b.points.at(-1)?.[0] ?? 0) - (a.points.at(-1)?.[0] ?? 0))
        .map((line) => curve(line, xAt, yAt)),
      ...names(panel.lines, xAt, yAt),
      text(
        origin + panelWidth / 2,
        top + panelHeight + 40,
        xLabel,
        13,
        `text-anchor="middle" fill="${ink}"`,
      ),
    ].join("\n");
  });
  const middle = top + panelHeight / 2;
  const vertical = `text-anchor="middle" fill="${ink}" transform="rotate(-90 ${
    left - 66
  } ${middle})"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="${paper}"/>`,
    text(left, 32, title, 17, `font-weight="600" fill="${ink}"`),
    ...legend.map((entry, i) => key(left + i * 260, 56, entry)),
    ...ys.map((y) =>
      text(left - 8, yAt(y) + 4, thousands(y), 12, `text-anchor="end" fill="${muted}"`)
    ),
    text(left - 66, middle, yLabel, 13, vertical),
    ...drawn,
    text(left, height - 16, caption, 11, `fill="${muted}"`),
    "</svg>\n",
  ].join("\n");
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  const at = `x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"`;
  return `<line ${at} stroke="${grid}"/>`;
}

const dashes = (dashed: boolean) =>
  dashed ? `stroke-width="1.5" stroke-dasharray="5 4"` : `stroke-width="2.2"`;

function curve(line: Line, xAt: (x: number) => number, yAt: (y: number) => number): string {
  const points = line.points.map(([x, y]) => `${round(xAt(x))},${round(yAt(y))}`);
  const path = `<polyline points="${points.join(" ")}" fill="none" stroke="${line.color}" ` +
    `stroke-linejoin="round" ${dashes(line.dashed)}/>`;
  if (line.dashed) return path;
  const dots = line.points.map(([x, y]) =>
    `<circle cx="${round(xAt(x))}" cy="${round(yAt(y))}" r="3" fill="${line.color}"/>`
  );
  return [path, ...dots].join("\n");
}

function names(lines: Line[], xAt: (x: number) => number, yAt: (y: number) => number): string[] {
  const named = lines.filter(({ name, points }) => name !== "" && points.length > 0);
  const ends = apart(named.map(({ points }) => yAt(points.at(-1)![1])), 15);
  return named.map(({ name, color, points }, i) => {
    const [x] = points.at(-1)!;
    const halo = `paint-order="stroke" stroke="${paper}" stroke-width="4"`; // other lines pass below
    return text(xAt(x) + 8, ends[i]! + 4, name, 12, `font-weight="600" fill="${color}" ${halo}`);
  });
}

function key(x: number, y: number, { name, dashed }: Plot["legend"][number]): string {
  const line = `<line x1="${x}" y1="${y - 4}" x2="${x + 28}" y2="${y - 4}" stroke="${ink}" ${
    dashes(dashed)
  }/>`;
  return line + text(x + 36, y, name, 12, `fill="${ink}"`);
}
