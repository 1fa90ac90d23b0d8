// CPU time of each server for one message, and its ratio to the C server's in the same round.
import {
  type Context,
  inRounds,
  type Load,
  load,
  type Measured,
  quietly,
} from "../support/context.ts";
import { baseline, targeted } from "../support/entries.ts";
import {
  median,
  notRunLines,
  type Report,
  spread,
  sum,
  table,
  verdict,
} from "../support/report.ts";

const target = { cpuRatio: 1.15, userNs: 600 };

const cpuUs = (load: Load) => load.server!.cpu_ns / load.messages / 1000;

/** Runs the section. */
export async function server(context: Context): Promise<Report> {
  const { entries, options, progress } = context;
  const { results, notRun } = await inRounds(entries, options.rounds, async (entry, round) => {
    const result = await quietly(
      context,
      entry.command,
      (address, { pid }) => load(context, address, pid),
    );
    const { value, others } = result;
    const figures = `${cpuUs(value).toFixed(2)} us, ${Math.round(value.rate)} messages/s`;
    const where = `server ${round + 1}/${options.rounds} ${entry.name}`;
    progress(`${where}: ${figures}, others ${others.toFixed(0)} %`);
    return result;
  });

  const base = results.get(baseline);
  if (!base) throw new Error(`the C server did not run: ${notRun.get(baseline)}`);
  const data = entries.flatMap(({ name }) => {
    const loads = results.get(name);
    return loads ? [{ name, ...summary(loads, base), rounds: loads }] : [];
  });
  const head = ["server", "CPU us/message", "ratio to C (range)", "user ns/message"];
  const rows = data.map((d) => [
    d.name,
    d.cpu_us.toFixed(2),
    spread(d.ratios),
    (d.user_sampled ? "" : "about ") + d.user_ns.toFixed(0),
    d.rate.toFixed(0),
    d.p99_us.toFixed(0),
    `${d.busy_percent.toFixed(0)} %`,
    `${d.others_percent.toFixed(0)} %`,
  ]);
  const verdicts = data.filter((d) => targeted.includes(d.name)).map((d) =>
    `${d.name}: ${d.ratio.toFixed(2)} times C's CPU, ${verdict(d.ratio, target.cpuRatio)}; ` +
    `${d.user_ns.toFixed(0)} ns user, ${verdict(d.user_ns, target.userNs)}`
  );
  const { connections, size, rounds, seconds } = options;
  const lines = [
    `server: ${connections} connections, ${size}-byte messages, ${rounds} rounds of ${seconds} s`,
    table([...head, "messages/s", "p99 us", "busy", "others"], rows),
    ...notRunLines(notRun),
    ...verdicts,
  ];
  return { text: lines.join("\n"), data: { servers: data, not_run: Object.fromEntries(notRun) } };
}

function summary(measured: Measured<Load>[], base: Measured<Load>[]) {
  const loads = measured.map(({ value }) => value);
  const all = (pick: (load: Load) => number) => loads.map(pick);
  const ratios = loads.map((load, round) => cpuUs(load) / cpuUs(base[round]!.value));
  return {
    cpu_us: median(all(cpuUs)),
    ratio: median(ratios),
    ratios,
    // Over all rounds together: it is a count of samples, so more of them are better.
    user_ns: sum(all((l) => l.server!.user_ns)) / sum(all((l) => l.server!.user_messages)),
    user_sampled: loads.every((l) => l.server!.user_sampled),
    rate: median(all((l) => l.rate)),
    p99_us: median(all((l) => l.p99_us)),
    busy_percent: median(all((l) => l.server!.cpu_ns / l.seconds / 1e7)),
    others_percent: median(measured.map(({ others }) => others)),
  };
}
