// The page of a report in a browser: no complaint, no request, charts drawn, nothing too wide for a phone.
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { htmlReport } from "../../../lib/report/html/page.ts";
import { Chromium, NO_CHROMIUM } from "../../support/chromium.ts";
import { TempDir } from "../../support/files.ts";
import { itUnless } from "../../support/systems.ts";
import { sampleResult } from "../../support/sample_results.ts";

/** It is the page that is tried here, which every runtime makes alike: html_test.ts has that. */
const REASON = NO_CHROMIUM ??
  (process.versions.bun ? undefined : "the suite of Bun looks at the page in Chromium");

const PHONE = { width: 390, height: 844, mobile: true };
const DESK = { width: 1280, height: 900 };

/** Of each chart: its place's width, its canvas, how many of its pixels are drawn, its labels. */
const CHARTS = `[...document.querySelectorAll("figure")].map((figure) => {
  const canvas = figure.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 0) drawn++;
  const { left, right, width, height } = canvas.getBoundingClientRect();
  const legend = [...figure.querySelectorAll(".u-label")].map((label) => label.textContent);
  return { id: figure.id, left, right, width, height, drawn, legend };
})`;
interface Chart {
  readonly id: string;
  readonly left: number;
  readonly right: number;
  readonly width: number;
  readonly height: number;
  readonly drawn: number;
  readonly legend: string[];
}

const BACKGROUND = "getComputedStyle(document.body).backgroundColor";

describe("the page of a report in Chromium", () => {
  let folder: TempDir;
  let browser: Chromium;
  const urls: Record<string, string> = {};

  beforeAll(async () => {
    if (REASON !== undefined) return;
    folder = new TempDir();
    const evil = `</script><script>document.title = "evil"</script><img src=x onerror="evil()">`;
    const names = ["epoll", "poll", "select", "a-very-long-name-without-any-place-to-break-it"];
    const pages = {
      open: {
        title: "iomux stress 127.0.0.1:9999",
        results: [{
          name: "x",
          result: sampleResult({ open: true, seconds: 20 }, {
            thresholds: [{ expression: "p99_corrected<5ms", value: 6500, ok: false }],
            first_mismatch: {
              ...{ connection: 9, offset: 4321, kind: "lost", actual: "" } as const,
              expected: "00112233445566778899aabbccddeeff",
            },
          }),
        }],
      },
      closed: {
        title: "closed",
        results: [{ name: "x", result: sampleResult({ seconds: 1 }) }],
      },
      compare: {
        title: "iomux stress --compare",
        results: names.map((name, seed) => ({ name, result: sampleResult({ seed, seconds: 4 }) })),
        tables: [{
          title: "Ratios",
          head: ["", "ratio"],
          rows: names.map((name) => [name, "1.00"]),
        }],
      },
      empty: { title: "empty", results: [{ name: "x", result: sampleResult({ seconds: 0 }) }] },
      evil: {
        title: evil,
        results: ["a", "b"].map((n) => ({
          name: n + evil,
          result: sampleResult({ seconds: 2 }, { target: evil }),
        })),
      },
    };
    for (const [name, page] of Object.entries(pages)) {
      const file = folder.file(`${name}.html`);
      writeFileSync(file, await htmlReport({ verdict: "pass", ...page }));
      urls[name] = pathToFileURL(file).href;
    }
    browser = await Chromium.start();
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    folder?.[Symbol.dispose]();
  });

  /** Opens a page, of which nothing but itself may be asked for, and which may not complain. */
  async function open(name: string, view: Parameters<Chromium["open"]>[1]): Promise<Chart[]> {
    await browser.open(urls[name]!, view);
    expect([name, browser.complaints]).toEqual([name, []]);
    expect(browser.requests).toEqual([urls[name]!]);
    return await browser.evaluate(CHARTS);
  }

  const FIGURES: Record<string, string[]> = {
    open: ["rate", "latency", "spectrum", "cdf"],
    closed: ["rate", "latency", "spectrum", "cdf"],
    compare: ["rate", "latency", "spectrum", "cdf"],
    empty: [],
    evil: ["rate", "latency", "spectrum", "cdf"],
  };
  for (const [name, ids] of Object.entries(FIGURES)) {
    for (const [device, view] of Object.entries({ "a desk": DESK, "a phone": PHONE })) {
      itUnless(REASON, `${name}, on ${device}: draws its charts, and fits`, async () => {
        const charts = await open(name, view);
        expect(charts.map(({ id }) => id)).toEqual(ids);
        for (const { left, right, width, height, drawn } of charts) {
          expect(left).toBeGreaterThanOrEqual(0);
          expect(right).toBeLessThanOrEqual(view.width);
          expect(width).toBeGreaterThan(300);
          expect(height).toBeGreaterThan(200);
          expect(drawn).toBeGreaterThan(1000);
        }
        const width = await browser.evaluate("document.documentElement.scrollWidth");
        expect(width).toBeLessThanOrEqual(view.width);
      });
    }
  }

  itUnless(REASON, "names every line of a chart", async () => {
    const legends = new Map((await open("open", DESK)).map(({ id, legend }) => [id, legend]));
    expect(legends.get("rate")).toEqual(["time", "messages/s", "asked", "errors/s"]);
    expect(legends.get("latency")).toEqual(["time", "p50", "p90", "p99", "max", "p99 corrected"]);
    expect(legends.get("spectrum")).toEqual([
      ...["percentile", "from the real send", "from the scheduled send"],
    ]);
  });

  itUnless(REASON, "is dark when the system is", async () => {
    await open("open", DESK);
    const light = await browser.evaluate(BACKGROUND);
    const pixels = `document.querySelector("canvas").toDataURL()`;
    const before = await browser.evaluate(pixels);
    await open("open", { ...DESK, dark: true });
    expect(await browser.evaluate(BACKGROUND)).not.toBe(light);
    expect(await browser.evaluate(pixels)).not.toBe(before);
  });

  itUnless(REASON, "shows the figures of a moment under the pointer", async () => {
    await open("open", DESK);
    const { x, y } = await browser.evaluate(`(() => {
      document.getElementById("rate").scrollIntoView();
      const { left, top, width, height } = document.querySelector("#rate .u-over").getBoundingClientRect();
      return { x: left + width * 0.5, y: top + height * 0.5 };
    })()`);
    await browser.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
    await browser.evaluate(
      "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))",
    );
    const values = `[...document.querySelectorAll("#rate .u-value")].map((v) => v.textContent)`;
    const [time, rate] = await browser.evaluate(values);
    expect(time).toMatch(/^\d+ s$/);
    expect(rate).toMatch(/^\d+(\.\d)?k?$/);
  });

  itUnless(REASON, "is drawn anew when its window gets narrower", async () => {
    const wide = await open("closed", DESK);
    const narrow = { width: 600, height: 900, mobile: false, deviceScaleFactor: 1 };
    await browser.send("Emulation.setDeviceMetricsOverride", narrow);
    await browser.evaluate(`new Promise((resolve, reject) => {
      const deadline = performance.now() + 10000;
      (function look() {
        const canvases = [...document.querySelectorAll("canvas")];
        if (canvases.every((c) => c.getBoundingClientRect().right <= 600)) resolve();
        else if (performance.now() > deadline) reject(new Error("too wide"));
        else requestAnimationFrame(look);
      })();
    })`);
    expect(browser.complaints).toEqual([]);
    expect((await browser.evaluate(CHARTS)).length).toBe(wide.length);
  });

  itUnless(REASON, "runs nothing of what a text says", async () => {
    await open("evil", DESK);
    expect(await browser.evaluate("document.title")).toContain("</script>");
    expect(await browser.evaluate(`document.querySelectorAll("img").length`)).toBe(0);
  });
});
