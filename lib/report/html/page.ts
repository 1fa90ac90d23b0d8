/** A report as one page that needs nothing else: no server, no network, no other file. */
import type { Report } from "../tables.ts";
import { loadAssets } from "./assets.ts";
import { chartData } from "./data.ts";
import { dataScript, inlineScript, inlineStyle, type Markup, markup, NOTHING } from "./parts.ts";
import { figures, findings, machine, numbers, settings, tables } from "./sections.ts";

/** Nothing may be loaded, whatever the page says. */
const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; " +
  "img-src data:";

export async function htmlReport(page: Report): Promise<string> {
  const assets = await loadAssets();
  const data = chartData(page.results);
  const { html: text } = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${page.title}</title>
<link rel="icon" href="data:,">
${inlineStyle(assets.uplotStyle)}
${inlineStyle(assets.style)}
</head>
<body>
${header(page)}
<main>
${tables(page.tables ?? [])}
${findings(page.results)}
${figures(page.results, data)}
${numbers(page.results)}
${settings(page.results)}
${machine(page.results)}
</main>
<noscript><p class="note">The charts need JavaScript. All figures are in the tables.</p></noscript>
${dataScript("data", data)}
${inlineScript(assets.uplot)}
${inlineScript(assets.script)}
</body>
</html>
  `;
  return text;
}

function header(page: Report): Markup {
  const first = page.results[0]?.result;
  const { title, verdict, command } = page;
  const about = first
    ? [
      first.started_at.replace(/\.\d+Z$/, "Z"),
      `${first.duration_s.toFixed(2)} s`,
      `iomux ${first.iomux}`,
    ]
    : [];
  return markup`<header>
<div><h1>${title}</h1><p class="about">${about.join(" · ")}</p>
${command === undefined ? NOTHING : markup`<p class="about"><code>${command}</code></p>`}</div>
${badge(verdict)}
</header>`;
}

/** A word with a sign, so that it does not take a colour to see which it is. */
function badge(verdict: string): Markup {
  const [, word = ""] = /^(\w*)/.exec(verdict)!;
  const sign = word === "pass" ? "✓" : word === "invalid" ? "!" : "✗";
  const kind = word === "pass" ? "pass" : word === "invalid" ? "invalid" : "fail";
  return markup`<p class="verdict ${kind}"><span aria-hidden="true">${sign}</span> ${verdict}</p>`;
}
