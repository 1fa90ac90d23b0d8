// How hard `iomux stress` drives the C server, against how hard the C client does. `stress` gets no
// other warm-up than its own, as in a user's run.
import { type Context, inRounds, load, quietly } from "../support/context.ts";
import { baseline, iomux, targeted, whyMissing } from "../support/entries.ts";
import { clientCpu, run } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table, verdict } from "../support/report.ts";

const target = 0.95;

/** Runs the section. */
export async function generator(context: Context): Promise<Report> {
  const { entries, options, progress, built } = context;
  const candidates = entries.filter(({ name }) => name === baseline || name in iomux).map((entry) =>
    entry.name === baseline
      ? { ...entry, name: "c-client", missing: null, command: null }
      : { ...entry, missing: whyMissing(iomux[entry.name]!), command: iomux[entry.name]! }
  );
  const { results, notRun } = await inRounds(candidates, options.rounds, async (one, round) => {
    const result = await quietly(context, [built.server], async (address) => {
      if (one.command === null) return (await load(context, address)).rate;
      return await stress(context, one.command, address);
    });
    const figures = `${Math.round(result.value)} messages/s, others ${result.others.toFixed(0)} %`;
    progress(`generator ${round + 1}/${options.rounds} ${one.name}: ${figures}`);
    return result;
  });

  const base = results.get("c-client");
  if (!base) throw new Error(`the C client did not run: ${notRun.get("c-client")}`);
  const data = candidates.flatMap(({ name }) => {
    const all = results.get(name);
    if (!all) return [];
    const rates = all.map(({ value }) => value);
    const ratios = rates.map((rate, round) => rate / base[round]!.value);
    const others = median(all.map((one) => one.others));
    return [{ name, rate: median(rates), ratio: median(ratios), ratios, rates, others }];
  });
  const lines = [
    `generator: against the C server, ${options.connections} connections, ` +
    `${options.size}-byte messages, ${options.rounds} rounds of ${options.seconds} s`,
    table(
      ["generator", "messages/s", "ratio to the C client (range)", "others"],
      data.map((d) => [d.name, d.rate.toFixed(0), spread(d.ratios), `${d.others.toFixed(0)} %`]),
    ),
    ...notRunLines(notRun),
    ...data.filter((d) => targeted.includes(d.name)).map((d) =>
      `${d.name}: ${d.ratio.toFixed(2)} times the C client's rate, ${
        verdict(d.ratio, target, true)
      }`
    ),
  ];
  return {
    text: lines.join("\n"),
    data: { generators: data, not_run: Object.fromEntries(notRun) },
  };
}

async function stress({ options }: Context, iomux: string[], address: string): Promise<number> {
  const { connections, size, seconds } = options;
  const shape = ["-c", String(connections), "-s", `${size}B`];
  const command = [...iomux, "stress", address, ...shape, "-d", `${seconds}s`, "--json"];
  const text = await run(command, seconds + 30, { cpu: clientCpu });
  const rate = JSON.parse(text)?.rate?.messages_per_s;
  if (typeof rate !== "number") throw new Error("its JSON has no rate.messages_per_s");
  return rate;
}
