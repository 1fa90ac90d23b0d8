/** `iomux report`: its options. */
import { Command } from "@commander-js/extra-typings";
import { option } from "../options/options.ts";
import { jsonOption, outputOption } from "../results/outputs.ts";

const collect = (text: string, before: string[]): string[] => [...before, text];

/** The command, to be added to the program. */
export function reportCommand(done: (code: number) => void): Command {
  return new Command("report")
    .description("results that stress has written: added up, judged, and shown again")
    .argument("<files...>", "results, as stress -o FILE.json writes them; - is stdin")
    .optionsGroup("Judgement:")
    .addOption(
      option("--threshold <expr>", "such as p99<5ms, rate>100k, errors==0; repeatable")
        .argParser(collect).default([] as string[], "none"),
    )
    .addOption(option("--baseline <file>", "compare with an earlier result"))
    .addOption(option("--strict", "exit 8 when the generator was the bottleneck"))
    .optionsGroup("Output:")
    .addOption(jsonOption())
    .addOption(outputOption())
    .action(async (files, { json = false, strict = false, ...options }) => {
      const { run } = await import("./run.ts");
      done(await run({ ...options, files, json, strict }));
    }) as unknown as Command;
}
