/** The parts of a report's page that are files of their own: uPlot, our script, our style. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

type Asset = "uplot" | "uplotStyle" | "script" | "style";

/**
 * Reads them. A compiled program has them inside, which takes an import of their text; Node has no such
 * import, and then the files are there.
 */
export async function loadAssets(): Promise<Record<Asset, string>> {
  const [uplot, uplotStyle, script, style] = await Promise.all([
    text(
      () => import("uplot/dist/uPlot.iife.min.js", { with: { type: "text" } }),
      "uplot/dist/uPlot.iife.min.js",
    ),
    text(
      () => import("uplot/dist/uPlot.min.css", { with: { type: "text" } }),
      "uplot/dist/uPlot.min.css",
    ),
    text(() => import("./script.js", { with: { type: "text" } }), "./script.js"),
    text(() => import("./style.css", { with: { type: "text" } }), "./style.css"),
  ]);
  return { uplot, uplotStyle, script, style };
}

async function text(load: () => Promise<unknown>, name: string): Promise<string> {
  try {
    const { default: content } = await load() as { default: unknown };
    if (typeof content === "string") return content;
  } catch {
    // Whatever the import lacks, reading the file says why if that fails as well.
  }
  return readFileSync(createRequire(import.meta.url).resolve(name), "utf8");
}
