// The files of iomux stress: all of one run, with the same figures, also after a signal; and those that
// can't be written.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkWritable } from "../../../lib/cli/results/files.ts";
import { publish } from "../../../lib/cli/results/publish.ts";
import { Socket } from "../../../lib/net/mod.ts";
import { cliCommand, spawnCli } from "../../support/cli.ts";
import { itUnless } from "../../support/systems.ts";
import { TempDir } from "../../support/files.ts";
import { answering } from "../../support/misbehaving.ts";
import { sampleResult } from "../../support/sample_results.ts";

const NO_SHELL = existsSync("/dev/full") ? undefined : "no /dev/full";

const OPTIONS = ["json", "html", "csv", "hgrm"];

/** The options for all files, and what is in the folder afterwards. */
function filesIn(folder: TempDir) {
  const args = OPTIONS.flatMap((name) => ["-o", folder.file(`run.${name}`)]);
  const read = (name: string) => readFileSync(folder.file(name), "utf8");
  return { args, read };
}

const rowsOf = (csv: string) => {
  const [header, ...rows] = csv.trimEnd().split("\r\n").map((line) => line.split(","));
  return rows.map((row) => Object.fromEntries(row.map((field, i) => [header![i]!, Number(field)])));
};
const countOf = (hgrm: string) => Number(/Total count *= *(\d+)\]/.exec(hgrm)![1]);

/** What all files say of the same run. */
function checkFiles(read: (name: string) => string): { messages: { sent: number } } {
  const result = JSON.parse(read("run.json"));
  const rows = rowsOf(read("run.csv"));
  expect(rows.length).toBe(result.timeline.length);
  expect(rows.map(({ received }) => received!))
    .toEqual(result.timeline.map((row: { received: number }) => row.received));
  expect(countOf(read("run.hgrm"))).toBe(result.latency_us.count);
  const html = read("run.html");
  expect(html).toMatch(/^<!doctype html>/i);
  expect(html).toContain(`iomux stress ${result.target}`);
  const [, data] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)!;
  expect(JSON.parse(data!).timelines[0].t).toEqual(
    result.timeline.map((row: { t: number }) => row.t),
  );
  expect(html).toContain("var uPlot=");
  return result;
}

describe("the files of iomux stress", () => {
  it("are all written, and the text is printed", async () => {
    using folder = new TempDir();
    const { args, read } = filesIn(folder);
    await using cli = spawnCli(["stress", "-c", "4", "--rate", "2k", "-d", "1200ms", ...args]);
    expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
    expect(cli.stdout()).toMatch(/^verdict +(pass|invalid)$/m); // invalid: on a busy machine
    expect(cli.stdout()).toMatch(
      /^ +up to +latency \(real send\) +corrected \(scheduled send\)$/m,
    );
    const { messages } = checkFiles(read);
    expect(countOf(read("run-corrected.hgrm"))).toBe(messages.sent);
    expect(readdirSync(folder.path).toSorted()).toEqual([
      ...["run-corrected.hgrm", "run.csv", "run.hgrm", "run.html", "run.json"],
    ]);
  });

  it("are written after a signal too, and --json alone prints JSON and nothing else", async () => {
    using folder = new TempDir();
    const { args, read } = filesIn(folder);
    const seen = Promise.withResolvers<void>();
    await using target = await answering((message, sequence) => {
      if (sequence > 20) seen.resolve();
      return message;
    });
    const others = args.slice(2);
    await using cli = spawnCli(["stress", target.name, "-c", "2", "-d", "1h", ...others, "--json"]);
    await seen.promise;
    cli.kill("SIGINT");
    expect([(await cli.exit).code, cli.stderr()]).toEqual([130, ""]);
    writeFileSync(folder.file("run.json"), cli.stdout());
    checkFiles(read);
    expect(JSON.parse(cli.stdout()).interrupted).toBe(true);
    expect(read("run.html")).toContain("pass (interrupted)");
    expect(existsSync(folder.file("run-corrected.hgrm"))).toBe(false);
  });
});

describe("the files of several runs", () => {
  it("have the name of the run: in a column, in the names of percentile files, on the page", async () => {
    using folder = new TempDir();
    const results = ["poll", "an odd/name"].map((name, i) => ({
      name,
      result: sampleResult({ seed: i, seconds: 2, open: i === 1 }),
    }));
    const { read } = filesIn(folder);
    const output = (["json", "csv", "hgrm", "html"] as const)
      .map((format) => ({ path: folder.file(`run.${format}`), format }));
    const outcome = { title: "two", results, json: { a: 1 }, text: null, verdict: "pass" };
    expect(await publish(outcome, { json: false, output }, 0)).toBe(0);
    expect(JSON.parse(read("run.json"))).toEqual({ a: 1 });
    expect(read("run.csv").trimEnd().split("\r\n").map((line) => line.split(",")[0])).toEqual([
      ...["run", "poll", "poll", "an odd/name", "an odd/name"],
    ]);
    expect(countOf(read("run-poll.hgrm"))).toBe(results[0]!.result.latency_us.count);
    expect(countOf(read("run-an_odd_name-corrected.hgrm")))
      .toBe(results[1]!.result.latency_corrected_us!.count);
    expect(read("run.html")).toMatch(/<th scope="col">poll<\/th>\s*<th scope="col">an odd\/name</);
    expect(readdirSync(folder.path).length).toBe(6);
  });

  it("are two where two runs have one name, as of --compare epoll,epoll", async () => {
    using folder = new TempDir();
    const { read } = filesIn(folder);
    const results = [1, 2].map((seconds) => ({ name: "epoll", result: sampleResult({ seconds }) }));
    const output = (["csv", "hgrm"] as const)
      .map((format) => ({ path: folder.file(`run.${format}`), format }));
    const outcome = { title: "two", results, json: {}, text: null, verdict: "pass" };
    expect(await publish(outcome, { json: false, output }, 0)).toBe(0);
    expect(read("run.csv").trimEnd().split("\r\n").map((line) => line.split(",")[0])).toEqual([
      ...["run", "epoll", "epoll 2", "epoll 2"],
    ]);
    expect([countOf(read("run-epoll.hgrm")), countOf(read("run-epoll_2.hgrm"))])
      .toEqual(results.map(({ result }) => result.latency_us.count));
  });

  it("are written as far as they can be, when one can't any more", async () => {
    using folder = new TempDir();
    const results = [{ name: "x", result: sampleResult({ seconds: 1 }) }];
    const output = [
      { path: folder.file("nowhere/run.json"), format: "json" },
      { path: folder.file("run.csv"), format: "csv" },
    ] as const;
    const outcome = { title: "x", results, json: {}, text: null, verdict: "pass" };
    expect(await publish(outcome, { json: false, output }, 0)).toBe(1);
    expect(await publish(outcome, { json: false, output }, 7)).toBe(7);
    expect(rowsOf(readFileSync(folder.file("run.csv"), "utf8")).length).toBe(1);
  });
});

describe("the files of a run whose stdout fails", () => {
  const shell = (script: string) => {
    const [command, args] = cliCommand(["stress", "-c", "2", "-n", "50"]);
    return spawnSync("sh", ["-c", script, command, ...args], { encoding: "utf8", timeout: 50_000 });
  };

  itUnless(NO_SHELL, "are written on a full disk too, which is said: exit 1", () => {
    using folder = new TempDir();
    const file = folder.file("run.json");
    const { status, stderr } = shell(`"$0" "$@" -o ${file} > /dev/full`);
    expect(stderr).toBe("iomux: Cannot write to stdout: ENOSPC (no space left on device)\n");
    expect(status).toBe(1);
    expect(JSON.parse(readFileSync(file, "utf8")).messages.verified).toBe(50);
  });

  itUnless(NO_SHELL, "are written when its reader has gone, without a word: exit 141", () => {
    using folder = new TempDir();
    const file = folder.file("run.json");
    const { stdout, stderr } = shell(`{ "$0" "$@" -o ${file}; echo "$?" >&2; } | true`);
    expect([stdout, stderr]).toEqual(["", "141\n"]);
    expect(JSON.parse(readFileSync(file, "utf8")).messages.verified).toBe(50);
  });

  itUnless(NO_SHELL, "that are pipes have one reader from before the run to its end", () => {
    using folder = new TempDir();
    const [pipe, read] = [folder.file("pipe.md"), folder.file("read")];
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    const { status } = shell(
      `cat ${pipe} >${read} & "$0" "$@" -o ${pipe}; code=$?; wait; exit $code`,
    );
    expect(status).toBe(0);
    expect(readFileSync(read, "utf8")).toContain("50 of 50 messages");
  });

  itUnless(
    NO_SHELL,
    "that fail themselves are said, and cost neither text nor others: exit 1",
    () => {
      using folder = new TempDir();
      const [full, good] = [folder.file("full.csv"), folder.file("run.md")];
      symlinkSync("/dev/full", full);
      const { status, stdout, stderr } = shell(`"$0" "$@" -o ${full} -o ${good}`);
      expect(stderr).toBe(
        `iomux: Cannot write the result to ${full}: ENOSPC (no space left on device)\n`,
      );
      expect(status).toBe(1);
      expect(stdout).toMatch(/^verified +50 of 50/m);
      expect(readFileSync(good, "utf8")).toContain("50 of 50 messages");
    },
  );
});

describe("a file of iomux stress that can't be written", () => {
  for (const format of OPTIONS) {
    it(`ends it before it begins: -o FILE.${format}`, async () => {
      using folder = new TempDir();
      const there = folder.file("there.csv");
      writeFileSync(there, "as it was");
      const bad = join(folder.path, "nowhere", `file.${format}`);
      const good = ["-o", folder.file("new.hgrm"), "-o", there];
      await using cli = spawnCli(["stress", "-d", "30s", ...good, "-o", bad]);
      expect((await cli.exit).code).toBe(1);
      expect(cli.stdout()).toBe("");
      expect(cli.stderr()).toBe(
        `iomux: Cannot write the result to ${bad}: ENOENT (no such file or directory)\n`,
      );
      // Trying has left nothing behind, and has changed nothing.
      expect(readdirSync(folder.path)).toEqual(["there.csv"]);
      expect(readFileSync(there, "utf8")).toBe("as it was");
    });
  }

  it("leaves a link whose file is not there yet as it is", () => {
    using folder = new TempDir();
    symlinkSync(folder.file("later.json"), folder.file("link.json"));
    checkWritable([{ path: folder.file("link.json"), format: "json" }]);
    expect(readdirSync(folder.path)).toEqual(["link.json"]);
  });

  itUnless(NO_SHELL, "is refused before the run when it is a pipe that nobody reads", async () => {
    using folder = new TempDir();
    const pipe = folder.file("pipe.md");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    await using cli = spawnCli(["stress", "-d", "30s", "-o", pipe]);
    expect([(await cli.exit).code, cli.stdout()]).toEqual([1, ""]);
    expect(cli.stderr()).toMatch(
      /^iomux: Cannot write the result to \S+pipe\.md: ENXIO .*without a reader\n$/,
    );
  });

  itUnless(NO_SHELL, "and is a socket is refused before the run", async () => {
    using folder = new TempDir();
    const path = folder.file("s.json");
    using _listener = Socket.listen({ path });
    await using cli = spawnCli(["stress", "-d", "30s", "-o", path]);
    expect([(await cli.exit).code, cli.stdout()]).toEqual([1, ""]);
    expect(cli.stderr()).toMatch(/^iomux: Cannot write the result to \S+s\.json: ENXIO /);
  });

  const wrong: [args: string[], says: RegExp][] = [
    [["-o", "x.csv", "-o", "./x.csv"], /^iomux: option '-o' is given twice for \.\/x\.csv\n$/],
    [["-o", "-"], /"-" does not say what to write: names end in \.json \.html \.csv \.hgrm/],
    [["-o", "result.txt"], /"result\.txt" does not say what to write/],
  ];
  for (const [args, says] of wrong) {
    it(`is a usage error: ${args.join(" ")}`, async () => {
      using folder = new TempDir();
      await using cli = spawnCli(["stress", "-d", "30s", ...args], {
        cwd: folder.path,
        denoFlags: ["-q", "-A"],
      });
      expect([(await cli.exit).code, cli.stdout()]).toEqual([2, ""]);
      expect(cli.stderr()).toMatch(says);
      expect(readdirSync(folder.path)).toEqual([]);
    });
  }
});
