// How hard `iomux stress` drives the C server, against how hard the C client does. `stress` gets no
// other warm-up than its own, as in a user's run.
import { type Context, inRounds, load, quietly } from "../support/context.ts";
import { iomux, targeted, whyMissing } from "../support/entries.ts";
import { clientCpu, run } from "../support/process.ts";
import { median, notRunLines, type Report, spread, table, verdict } from "../support/report.ts";

const target = 0.95;
const uringTarget = 1;

/** Of one round: messages a second of a generator, and of the C client just before and just after it. */
interface Pair {
  rate: number;
  client: number;
}

/** Runs the section. */
export async function generator(context: Context): Promise<Report> {
  const { entries, options, progress, built } = context;
  const candidates = entries.filter(({ name }) => name in iomux).flatMap(({ name }) => {
    const command = iomux[name]!;
    const missing = whyMissing(command);
    return ["readiness", "uring"].map((engine) => ({
      name: engine === "readiness" ? name : `${name}, ${engine}`,
      command: [...command, "stress", "--client-engine", engine],
      missing,
    }));
  });
  // The speed of a shared machine changes from one second to the next, by a third here: so a generator
  // stands between two runs of the C client, against the same server, and is held against their mean.
  const { results, notRun } = await inRounds(candidates, options.rounds, async (one, round) => {
    const result = await quietly(context, [built.server], async (address): Promise<Pair> => {
      const before = (await load(context, address)).rate;
      const rate = await stress(context, one.command, address);
      return { rate, client: (before + (await load(context, address)).rate) / 2 };
    });
    const { value: { rate, client }, others } = result;
    const figures = `${rate.toFixed(0)} messages/s, C client ${client.toFixed(0)}`;
    const name = `generator ${round + 1}/${options.rounds} ${one.name}`;
    progress(`${name}: ${figures}, others ${others.toFixed(0)} %`);
    return result;
  });

  const data = candidates.flatMap(({ name }) => {
    const all = results.get(name);
    if (!all) return [];
    const rates = all.map(({ value }) => value.rate),
      clients = all.map(({ value }) => value.client);
    const ratios = rates.map((rate, round) => rate / clients[round]!);
    const others = median(all.map((one) => one.others));
    const medians = { rate: median(rates), client: median(clients), ratio: median(ratios) };
    return [{ name, ...medians, ratios, rates, clients, others }];
  });
  const lines = [
    `generator: against the C server, ${options.connections} connections, ` +
    `${options.size}-byte messages, ${options.rounds} rounds of ${options.seconds} s`,
    table(
      ["generator", "messages/s", "C client's", "ratio (range)", "others"],
      data.map((d) => [
        d.name,
        d.rate.toFixed(0),
        d.client.toFixed(0),
        spread(d.ratios),
        `${d.others.toFixed(0)} %`,
      ]),
    ),
    ...notRunLines(notRun),
    ...data.filter((d) => targeted.includes(d.name.split(",")[0]!)).map((d) =>
      `${d.name}: ${d.ratio.toFixed(2)} times the C client's rate, ${
        verdict(d.ratio, d.name.includes(",") ? uringTarget : target, true)
      }`
    ),
  ];
  return {
    text: lines.join("\n"),
    data: { generators: data, not_run: Object.fromEntries(notRun) },
  };
}

async function stress({ options }: Context, stress: string[], address: string): Promise<number> {
  const { connections, size, seconds } = options;
  const shape = ["-c", String(connections), "-s", `${size}B`];
  const command = [...stress, address, ...shape, "-d", `${seconds}s`, "--json"];
  const text = await run(command, seconds + 30, { cpu: clientCpu });
  const rate = JSON.parse(text)?.rate?.messages_per_s;
  if (typeof rate !== "number") throw new Error("its JSON has no rate.messages_per_s");
  return rate;
}
