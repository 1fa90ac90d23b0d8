// Draws the charts of a report's page. Plain JavaScript that browsers run as it is.
"use strict";
(() => {
  const uPlot = globalThis.uPlot;
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const several = data.timelines.length > 1;
  /** Lines differ by their dashes too. */
  const DASHES = [[], [9, 4], [2, 3], [12, 4, 2, 4], [5, 5], [16, 6]];
  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  const HEIGHT = 300;

  const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  /** At most three digits, and no zeros behind the decimal point. */
  const short = (value) => String(Number(value.toPrecision(3)));
  /** "1.5 ms" from microseconds. */
  const time = (us) =>
    us >= 1e6 ? `${short(us / 1e6)} s` : us >= 1e3 ? `${short(us / 1e3)} ms` : `${short(us)} us`;
  /** "12.3k" from 12,300. */
  const count = (n) =>
    n >= 1e6
      ? `${short(n / 1e6)}m`
      : n >= 1e4
      ? `${short(n / 1e3)}k`
      : String(Math.round(n * 10) / 10);
  /** "p99.9" from the 1000 of 1/(1-p). */
  const percentile = (x) => {
    const nines = Math.max(0, Math.ceil(Math.log10(x) - 1e-9));
    return `p${Number((100 - 100 / x).toFixed(Math.max(0, nines - 2) + (x % 10 ? 2 : 0)))}`;
  };
  const shown = (format) => (_, value) =>
    value === null || value === undefined ? "–" : format(value);

  const line = (label, number, format, more = {}) => ({
    label,
    stroke: color(`line${number % 6 + 1}`),
    width: 2,
    dash: DASHES[number % 6],
    points: { size: 5, show: more.dots ?? false, fill: color("panel") },
    spanGaps: true,
    value: shown(format),
    ...more,
  });

  const axis = (label, format, more = {}) => ({
    label,
    labelSize: 18,
    labelFont: FONT,
    font: FONT,
    labelGap: 0,
    stroke: color("muted"),
    grid: { stroke: color("rule"), width: 1 },
    ticks: { stroke: color("rule"), width: 1, size: 5 },
    values: (_, splits) => splits.map((value) => value === null ? null : format(value)),
    ...more,
  });
  /** Steps of a decade that are marked: fewer, the more decades there are. */
  const MARKS = [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1]];
  /** Marks of a logarithmic axis between two values, at most one for each `space` pixels. */
  const marks = (low, high, most) => {
    for (const steps of MARKS) {
      const all = [];
      for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) {
        all.push(...steps.map((step) => Number(`${step}e${e}`)));
      }
      const inside = all.filter((value) => value >= low * 0.999 && value <= high * 1.001);
      if (inside.length <= most) return inside;
      if (steps.length === 1) {
        const every = Math.ceil(inside.length / most);
        return inside.filter((_, i) => i % every === 0);
      }
    }
  };
  const logAxis = (space) => ({
    filter: (_, splits) => splits,
    splits: (chart, i, low, high) => {
      const { width, height } = chart.bbox;
      const pixels = (chart.axes[i].side % 2 === 0 ? width : height) / devicePixelRatio;
      return marks(low, high, Math.max(2, Math.floor(pixels / space)));
    },
  });
  const LOG_TIME = { size: 58, ...logAxis(26) };
  const log = { distr: 3, log: 10 };
  /** The latencies that there are, with a little room. */
  const around = (_, low, high) =>
    low > 0 ? [low * 0.85, Math.max(high, low * 1.5) * 1.15] : [1, 10];
  const within = (_, low, high) => low > 0 ? [low, Math.max(high, low * 1.1)] : [1, 10];

  /** The rows of several timelines beside each other, whose seconds are not quite the same. */
  const overTime = (pick) =>
    uPlot.join(data.timelines.map((run) => [run.t, ...pick(run)].map((column) => [...column])));

  /** Steps of the time axis; parts of a second only for who zooms in, or for a short run. */
  const WHOLE = [0.1, 0.2, 0.5, ...[1, 10, 100, 1000, 10000].flatMap((n) => [n, 2 * n, 5 * n])];
  const timeX = () => [
    { label: "time", value: shown((t) => `${short(t)} s`) },
    axis("time (s)", (t) => String(t), { size: 34, incrs: WHOLE }),
  ];
  const timeScale = { time: false, range: (_, _low, high) => [0, high || 1] };
  const synced = { sync: { key: "time" } };
  const sparse = Math.max(...data.timelines.map(({ t }) => t.length)) < 40;

  function rate() {
    const [x, xAxis] = timeX();
    const series = [x];
    const withErrors = data.timelines.some(({ errors }) => errors.some((n) => n > 0));
    data.timelines.forEach((run, i) => {
      series.push(line(several ? run.name : "messages/s", i, count, { dots: sparse }));
      if (run.asked && !several) {
        series.push(line("asked", 5, count, { dash: [6, 4], width: 1.5 }));
      }
      if (withErrors) {
        series.push({
          ...line(several ? `${run.name} errors/s` : "errors/s", several ? i : 1, count),
          ...{ scale: "errors", dash: [], width: 1, points: { show: false } },
          fill: color(`line${(several ? i : 1) + 1}`) + "66",
          paths: uPlot.paths.bars({ size: [0.5, 24] }),
        });
      }
    });
    const fromZero = (_, low, high) => [0, (low === null ? 1 : high || 1) * 1.1];
    return {
      data: overTime((run) => [
        run.rate,
        ...(run.asked && !several ? [run.asked] : []),
        ...(withErrors ? [run.errors.map((n) => n || null)] : []),
      ]),
      cursor: synced,
      series,
      scales: { x: timeScale, y: { range: fromZero }, errors: { range: fromZero } },
      axes: [
        xAxis,
        axis("messages/s", count, { size: 54 }),
        ...(withErrors
          ? [axis("errors/s", count, { scale: "errors", side: 1, grid: { show: false }, size: 48 })]
          : []),
      ],
    };
  }

  function latency() {
    const [x, xAxis] = timeX();
    const one = data.timelines[0];
    const p99 = (run) => run.corrected ?? run.p99;
    const series = several
      ? data.timelines.map((run, i) =>
        line(run.corrected ? `${run.name} (corrected)` : run.name, i, time, { dots: sparse })
      )
      : [
        line("p50", 0, time, { dots: sparse }),
        line("p90", 2, time, { dots: sparse }),
        line("p99", 1, time, { dots: sparse }),
        line("max", 5, time, { width: 1 }),
        ...(one.corrected ? [line("p99 corrected", 3, time, { dots: sparse })] : []),
      ];
    return {
      data: several ? overTime((run) => [p99(run)]) : overTime((run) => [
        ...[run.p50, run.p90, run.p99, run.max],
        ...(run.corrected ? [run.corrected] : []),
      ]),
      cursor: synced,
      series: [x, ...series],
      scales: { x: timeScale, y: { ...log, range: around } },
      axes: [xAxis, axis("latency", time, LOG_TIME)],
    };
  }

  function active() {
    const [x, xAxis] = timeX();
    const name = (run) => several ? run.name : "connections";
    return {
      data: overTime((run) => [run.active]),
      cursor: synced,
      series: [x, ...data.timelines.map((run, i) => line(name(run), i, count, { dots: sparse }))],
      scales: { x: timeScale, y: { range: (_, _low, high) => [0, (high || 1) * 1.1] } },
      axes: [xAxis, axis("connections", count, { size: 54 })],
    };
  }

  /** One line for each distribution; those from the scheduled send are dashed, in the colour of their run. */
  const distributions = (lines, format) => {
    const names = [...new Set(lines.map(({ name }) => name))];
    const label = ({ name, corrected }) =>
      several
        ? `${name}${corrected ? " (corrected)" : ""}`
        : corrected
        ? "from the scheduled send"
        : "from the real send";
    return lines.map((entry) => {
      const i = names.indexOf(entry.name);
      // A run alone has its second line in another colour; of several each has one.
      const number = several ? i : entry.corrected ? 3 : 0;
      const dash = entry.corrected ? [7, 4] : several ? DASHES[i % 6] : [];
      return line(label(entry), number, format, { dash });
    });
  };

  /** The powers of ten, or every second or third of them where there is no room. */
  const decades = (chart, _i, low, high) => {
    const all = [];
    for (let e = 0; 10 ** e <= high * 1.001; e++) if (10 ** e >= low * 0.999) all.push(10 ** e);
    const every = Math.ceil(all.length / Math.max(2, chart.bbox.width / devicePixelRatio / 56));
    return all.filter((_, i) => i % every === 0);
  };

  function spectrum() {
    return {
      data: [data.spectrum.x, ...data.spectrum.lines.map(({ values }) => values)],
      series: [
        { label: "percentile", value: shown(percentile) },
        ...distributions(data.spectrum.lines, time),
      ],
      scales: { x: { time: false, ...log, range: within }, y: { ...log, range: around } },
      axes: [
        axis("percentile p, by 1/(1-p)", percentile, {
          ...{ size: 34, splits: decades },
          filter: (_, splits) => splits,
        }),
        axis("latency", time, LOG_TIME),
      ],
    };
  }

  function cdf() {
    return {
      data: [data.cdf.x, ...data.cdf.lines.map(({ values }) => values)],
      series: [
        { label: "within", value: shown(time) },
        ...distributions(data.cdf.lines, (share) => `${short(share)} %`),
      ],
      scales: {
        x: { time: false, ...log, range: within },
        y: { range: () => [0, 102] },
      },
      axes: [
        axis("latency", time, { size: 34, ...logAxis(58) }),
        axis("replies (%)", (share) => String(share), { size: 42 }),
      ],
    };
  }

  const styleOf = (dash) => !dash?.length ? "solid" : dash[0] < 4 ? "dotted" : "dashed";

  const CHARTS = { rate, latency, active, spectrum, cdf };
  let drawn = [];

  /** Draws everything anew, in the colours of the theme. */
  function draw() {
    for (const chart of drawn) chart.destroy();
    drawn = [];
    for (const [id, make] of Object.entries(CHARTS)) {
      const place = document.querySelector(`#${id} .plot`);
      if (!place) continue;
      const { data: columns, ...options } = make();
      const size = { width: place.clientWidth, height: HEIGHT };
      const legend = { markers: { dash: (chart, i) => styleOf(chart.series[i].dash) } };
      drawn.push(new uPlot({ ...size, legend, ...options }, columns, place));
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();

  new ResizeObserver(() => {
    for (const chart of drawn) {
      const { clientWidth: width } = chart.root.parentElement;
      if (width > 0 && width !== chart.width) chart.setSize({ width, height: HEIGHT });
    }
  }).observe(document.body);
})();
