// The help pages and fifty wrong usages, word for word: tests/cli/golden/. What they say is changed by
// running this file with IOMUX_TEST_UPDATE=1, and read in the diff.
import { describe, expect, it } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { SHELLS } from "../../lib/cli/completion/command.ts";
import { commandPage, programPage } from "../../lib/cli/help/page.ts";
import { widthOf } from "../../lib/text/layout.ts";
import { root, spawnCli } from "../support/cli.ts";
import { refusals } from "../support/usages.ts";

const folder = join(root, "tests", "cli", "golden");

function golden(name: string, text: string): void {
  const file = join(folder, name);
  if (process.env.IOMUX_TEST_UPDATE) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, "utf8"));
}

/** Lines of a page at most: two screens, and a little more for what stress can do. */
const MOST: Readonly<Record<string, number>> = { stress: 56 };

describe("iomux COMMAND --help", () => {
  for (const name of Object.keys(COMMANDS)) {
    it(`${name}: is what it was, fits two screens of 80 columns, ends with examples and codes`, async () => {
      await using cli = spawnCli([name, "--help"]);
      const { code } = await cli.exit;
      const page = cli.stdout();
      expect([code, cli.stderr()]).toEqual([0, ""]);
      golden(`help_${name}.txt`, page);
      const lines = page.trimEnd().split("\n");
      expect(lines.filter((line) => widthOf(line) > 80)).toEqual([]);
      expect(lines.length).toBeLessThanOrEqual(MOST[name] ?? 50);
      const examples = page.slice(page.indexOf("\nExamples:\n"));
      const count = name === "completion" ? SHELLS.length : 3;
      expect(examples.match(/^ {2}(\S.*)?iomux /gm)!.length).toBe(count);
      expect(examples).toMatch(/\nExit codes: 0 /);
      const variable = name === "completion" ? [] : [`IOMUX_${name.toUpperCase()}_<OPTION>`];
      expect(page.match(/IOMUX_\w+<OPTION>/g) ?? []).toEqual(variable);
    });

    it(`${name}: fits narrow terminals, and names every option`, async () => {
      const command = await COMMANDS[name]!.describe();
      for (let columns = 40; columns <= 132; columns++) {
        const lines = commandPage(command, columns).split("\n");
        const isLong = (line: string) => widthOf(line) > Math.min(columns, 80);
        expect([columns, lines.filter(isLong)]).toEqual([columns, []]);
      }
      // A command that goes on in the next line says so as a shell reads it.
      const shown = commandPage(command, 40).replaceAll(/ \\\n +/g, " ");
      for (const [example] of command.examples) expect(shown).toContain(example);
      const page = commandPage(command, 80);
      for (const key of Object.keys(command.options)) {
        expect(page).toContain(`--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`);
      }
    });
  }

  it("of the program names the commands, and so do help and no less", async () => {
    await using cli = spawnCli(["--help"]);
    expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
    golden("help.txt", cli.stdout());
    for (const args of [["-h"], ["help"], ["help", "--help"], ["help", "-h"]]) {
      await using other = spawnCli(args);
      expect([(await other.exit).code, other.stdout()]).toEqual([0, cli.stdout()]);
    }
    await using serve = spawnCli(["help", "serve"]);
    expect([(await serve.exit).code, serve.stdout()])
      .toEqual([0, readFileSync(join(folder, "help_serve.txt"), "utf8")]);
    const all = await Promise.all(Object.values(COMMANDS).map((command) => command.describe()));
    expect(programPage(all, 40).split("\n").filter((line) => widthOf(line) > 40)).toEqual([]);
  });

  it("wins over whatever else is on the line", async () => {
    for (const args of [["stress", "-c", "0", "--help"], ["serve", "--nonsense", "-h"]]) {
      await using cli = spawnCli(args);
      expect([(await cli.exit).code, cli.stderr()]).toEqual([0, ""]);
      expect(cli.stdout()).toMatch(/^Usage: iomux (stress|serve) /);
    }
    await using cli = spawnCli(["client", "--", "--help"]);
    expect((await cli.exit).code).toBe(2);
  });
});

/** Command lines that are refused, some with variables in front. */
const WRONG = `
iomux
iomux strss
iomux clint 127.0.0.1:1
iomux --verson
iomux help srve
iomux help serve client
iomux version
iomux --version extra
iomux serve --serv upper
iomux serve -port 9999
iomux client 127.0.0.1:1 --tls-alpn h2
iomux -x
iomux stress --conections 5
iomux stress --work 2
iomux stress --con 5
iomux stress --bananas
iomux client --connect-timeuot 1s 127.0.0.1:1
iomux info --jsn
iomux serve -Z
iomux stress --merge a.json b.json
iomux stress --profile reset
iomux stress --processes 2
iomux stress --html run.html
iomux stress --csv=run.csv
iomux stress --hgrm run.hgrm
iomux serve --html run.html
iomux report --merge a.json b.json
iomux probe --profile reset
iomux client 127.0.0.1:1 --processes=2
iomux info --json=info.json
iomux stress --live
iomux stress --junit run.xml
iomux merge a.json b.json
iomux stress-part
iomux toString
iomux help constructor
iomux completion toString
iomux stress --json run.json
iomux stress --json=run.json
iomux client -N 127.0.0.1:1
iomux stress 127.0.0.1:1 127.0.0.1:2
iomux info something
iomux completion zhs
iomux serve 9999
iomux stress -c 0
iomux stress -c
iomux stress -c --json
iomux stress -n 1.5
iomux stress -d 5
iomux stress -d 5x
iomux stress -d 1min
iomux stress -d 0s
iomux stress --warmup 3
iomux stress -s 12xyz
iomux stress -s 0B
iomux stress --expect bytes:x
iomux stress --frame http2
iomux stress --rate 0
iomux stress --rate 5q
iomux stress --workers 0
iomux stress --seed -1
iomux stress --selector pol -n 1
iomux serve --service ecko
iomux serve --log-level loud
iomux serve --log-level warning
iomux serve --port=
iomux serve --workers many
iomux serve --workers atuo
iomux stress --workers Auto
iomux stress --server-workers aut
iomux serve --port 70000
iomux serve --allow ,
iomux serve --max-buffer 1
iomux serve --seed 3
iomux serve --tls-cert a.pem
iomux serve --handler a.ts --exec cat
iomux serve --exec cat
iomux client -w 0s 127.0.0.1:1
iomux client
iomux client -u 127.0.0.1:1
iomux client --udp
iomux client -lvnp 4444
iomux client -nvlp 4444
iomux client -lp 4444
iomux client -l 4444 --keep-open
iomux client --source-port 5 127.0.0.1 1
iomux client --ssl-verify 127.0.0.1 1
iomux client -t 127.0.0.1 23
iomux client -zr 127.0.0.1 1-5
iomux client -6 127.0.0.1:1
iomux client -nw5s 127.0.0.1 1
iomux client -e/bin/npn 127.0.0.1 1
iomux client --sh-exec=cat 127.0.0.1 1
iomux client -c cat 127.0.0.1 1
iomux client -o dump 127.0.0.1 1
iomux client --max-conns 5 -l 9999
iomux client --proxy 127.0.0.1:2 127.0.0.1 1
iomux client -W 1 127.0.0.1 1
iomux client --ssl 127.0.0.1 1
iomux client -U s -s 127.0.0.1
iomux client -U s -4
iomux client -l -U s -6
iomux client ./s -s 127.0.0.1
iomux client http://127.0.0.1:1
iomux client -l http://127.0.0.1:1
iomux client --tls --tls-ca a.pem --tls-insecure 127.0.0.1:1
iomux stress --tls --tls-ca a.pem --tls-insecure 127.0.0.1:1
iomux probe --tls --tls-ca a.pem --tls-insecure 127.0.0.1:1
iomux client localhost nosuchservice
iomux client -z 127.0.0.1 ftp-data-http
iomux client -z 127.0.0.1 ,
iomux client -z 127.0.0.1 0-5
iomux client -z 127.0.0.1 9-
iomux client -l 99999
iomux client -l nosuch
iomux client * 1
iomux client -z * 1
iomux serve -H *
iomux client -l 9999 127.0.0.1:1
iomux client --script nowhere 127.0.0.1:1
iomux client 127.0.0.1
iomux client 127.0.0.1:99999
iomux client 127.0.0.1:0
iomux client ::1:80
iomux client --unix /x 127.0.0.1:1
iomux stress nohost
iomux stress 127.0.0.1:0
iomux stress --unix /x 127.0.0.1:1
iomux stress 127.0.0.1:1 --service upper
iomux stress --tls
iomux stress -m a --message-file b
iomux stress --threshold p99<5
iomux stress --find-rate p99<5
iomux stress --find-rate p99>5ms
iomux serve --handler nowhere.ts
iomux stress --find-rate p99<5ms,eror==0
iomux stress --compare select --find-rate p99<5ms
iomux stress -o run.jsn
iomux stress -o a.csv -o ./a.csv
iomux stress --scenario nowhere.yaml
iomux probe half-clos
iomux report
iomux report --threshold nonsense a.json
iomux info --connections -5
IOMUX_STRESS_CONNECTIONS=abc iomux stress
IOMUX_SERVE_TRACE=maybe iomux serve
IOMUX_STRESS_JSON=x.json iomux stress
IOMUX_CLIENT_UNIX= iomux client
`.trim().split("\n");

describe("iomux refuses", () => {
  it("wrong usage in one line, with exit code 2, and starts nothing", async () => {
    const said = await refusals(WRONG.map((line) => {
      const words = line.split(" ");
      const at = words.indexOf("iomux");
      const env = Object.fromEntries(words.slice(0, at).map((word) => word.split("=")));
      return { args: words.slice(at + 1), env };
    }));
    for (const message of said) expect(message).toMatch(/^iomux: [^\n]+\n$/);
    golden("usage.txt", WRONG.map((line, i) => `$ ${line}\n${said[i]}`).join(""));
  });
});
