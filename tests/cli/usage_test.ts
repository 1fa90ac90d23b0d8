// What any command makes of limits and of variables in its environment. Wrong usage is in golden_test.ts.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cliCommand, spawnCli, startServe } from "../support/cli.ts";
import { handlerAt } from "../support/handoff.ts";
import { TempDir } from "../support/files.ts";
import { refusals } from "../support/usages.ts";
import { itUnless } from "../support/systems.ts";

/** Other runtimes reserve more at their start, and end before the program begins. */
const NO_RLIMIT_AS = process.versions.bun && process.platform === "linux"
  ? undefined
  : "only Bun starts with 2 GB of virtual memory";

/** Runs to the end: exit code, stdout, stderr. */
async function run(line: string, env: Record<string, string> = {}) {
  await using cli = spawnCli(line.split(" "), { env });
  const { code } = await cli.exit;
  return { code, stdout: cli.stdout(), stderr: cli.stderr() };
}

/** Options beside others that leave them no effect. */
const UNUSED: [line: string, says: RegExp][] = [
  ["serve --unix a.sock -p 8", /^iomux: options '--unix' and '--port' exclude each other\n$/],
  ["serve --unix a.sock -H ::1", /^iomux: options '--unix' and '--host' exclude each other\n$/],
  ["serve -p 0 --lease-timeout 1s", /^iomux: option '--lease-timeout' needs '--handler' or /],
  ["serve -p 0 --handler-workers 2", /^iomux: option '--handler-workers' needs '--handler' /],
  ...["--confidence 5", "--abort-on errors>1", "--start-at +1s", "--hold"].flatMap((option) => {
    const name = option.split(" ")[0];
    return ["--compare select,poll", "--find-rate p99<5ms"].map((
      mode,
    ): [string, RegExp] => [
      `stress ${mode} ${option}`,
      new RegExp(`^iomux: '${mode.split(" ")[0]}' and '${name}': .+\\n$`),
    ]);
  }),
  ["stress --find-rate p99<5ms -n 9", /^iomux: '--find-rate' and '--messages': .+\n$/],
  ["stress --find-rate p99<5ms --ramp 1s", /^iomux: '--find-rate' and '--ramp': .+\n$/],
  ["stress --find-rate p99<5ms --think 1ms", /^iomux: '--find-rate' and '--think': .+\n$/],
  ["stress --confidence 5 --hold", /^iomux: '--confidence' and '--hold': .+\n$/],
  ["stress --confidence 5 --start-at +1s", /^iomux: '--confidence' and '--start-at': .+\n$/],
  [
    "stress --compare 127.0.0.1:1,127.0.0.1:2 --service upper",
    /^iomux: option '--service' is for the /,
  ],
  [
    "stress --compare 127.0.0.1:1,127.0.0.1:2 --server-workers 2",
    /^iomux: option '--server-workers' is /,
  ],
  ["stress --shuffle -n 1", /^iomux: '--shuffle' is for '--messages-from'\n$/],
  ["stress --tick 1ms -n 1", /^iomux: '--tick' is for a schedule/],
  ["stress --rate 5 --think 1ms", /^iomux: '--think' waits after a reply/],
  ["stress --expect none --think 1ms", /^iomux: '--think' is of replies/],
  ["stress --expect none --pipeline 3", /^iomux: '--pipeline' is of replies/],
  ["stress --hold --pipeline 3", /^iomux: '--hold' has one message in flight/],
  ["stress --hold --think 1ms", /^iomux: '--hold' sends no message after a reply/],
  ["stress --hold --warmup 1s", /^iomux: '--hold' counts from the first connect/],
];

describe("iomux refuses", () => {
  it("a selector that this system does not have, and names those that it has", async () => {
    for (const option of ["--client-selector kqueue", "--selector wsapoll"]) {
      const { code, stdout, stderr } = await run(`stress ${option} -n 1`);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^iomux: .*(kqueue|wsapoll).*available:.* poll.*\n$/);
    }
  });

  it("an empty or impossible host, name, network or file, and says which option or argument it is", async () => {
    const empty: [args: string[], says: RegExp][] = [
      [["serve", "-H", ""], /^iomux: option '--host': it is empty/],
      [["client", "", "80"], /^iomux: the host is empty/],
      [["client", "127.0.0.1:1", "--tls", "--tls-server-name", ""], /^iomux: option '--tls-ser/],
      [
        ["client", "127.0.0.1:1", "--tls", "--tls-server-name", ".example.org"],
        /^iomux: option '--tls-server-name': "\.example\.org" is no host: it begins with a dot\n$/,
      ],
      [
        ["serve", "--allow", "::ffff:10.0.0.0/8"],
        /^iomux: option '--allow': "::ffff:10\.0\.0\.0\/8" is no network: .*10\.0\.0\.0\/N\n$/,
      ],
      [["report", ""], /^iomux: an argument is empty, and has to be the name of a file\n$/],
    ];
    for (const [args, says] of empty) {
      await using cli = spawnCli(args);
      expect([args, (await cli.exit).code, cli.stdout()]).toEqual([args, 2, ""]);
      expect(cli.stderr()).toMatch(says);
    }
  });

  itUnless(
    process.platform === "linux" ? undefined : "the bytes of arguments are Linux's to tell",
    "bytes that are no UTF-8, which would be changed, in arguments, variables and files",
    async () => {
      using folder = new TempDir();
      const bad = folder.file("bad");
      writeFileSync(bad, Buffer.from("send a\xff\n", "latin1"));
      const main = cliCommand([]);
      const line = [main[0], ...main[1]].map((word) => `'${word}'`).join(" ");
      const cases: [script: string, says: string][] = [
        [
          "$IOMUX stress -n 1 -m $'a\\xffb'",
          'argument "a\\xffb" is no UTF-8; other bytes go into a --message-file',
        ],
        [
          "$IOMUX stress -n 1 --message=$'\\xc3\\x28'",
          'argument "--message=\\xc3(" is no UTF-8; other bytes go into a --message-file',
        ],
        ["$IOMUX serve --unix $'/no/such/\\xe4'", 'argument "/no/such/\\xe4" is no UTF-8'],
        [
          "IOMUX_STRESS_MESSAGE=$'\\xff' $IOMUX stress -n 1",
          "variable IOMUX_STRESS_MESSAGE is no UTF-8; other bytes go into a --message-file",
        ],
        [`$IOMUX stress --scenario ${bad}`, `Cannot read the scenario ${bad}: it is no UTF-8`],
        [
          `$IOMUX stress -n 1 --message-file ${bad} --escapes`,
          `${bad}: it is no UTF-8; other bytes are written as \\xHH`,
        ],
        [
          `$IOMUX stress -n 1 --messages-from ${bad} --escapes`,
          `${bad}: line 1: it is no UTF-8; other bytes are written as \\xHH`,
        ],
        [
          `$IOMUX client 127.0.0.1:1 --script ${bad}`,
          `Cannot read the script ${bad}: it is no UTF-8`,
        ],
      ];
      for (const [script, says] of cases) {
        const { status, stdout, stderr } = spawnSync("bash", [
          "-c",
          script.replace("$IOMUX", line),
        ]);
        expect([`${stderr}`, status, `${stdout}`]).toEqual([`iomux: ${says}\n`, 2, ""]);
      }
      // What was typed is not what was replaced.
      const fine = await run("stress -n 1 -c 1 -m \ufffd --quiet");
      expect(fine.stderr).not.toContain("UTF-8");
    },
  );

  it("no question for the version, whichever command it stands behind", async () => {
    const alone = await run("--version");
    expect(alone).toEqual({ code: 0, stdout: expect.stringMatching(/^\d\S*\n$/), stderr: "" });
    expect(await run("serve --version")).toEqual(alone);
    expect((await run("client --listen -port")).stderr).not.toContain("two dashes");
  });

  it("options that would have no effect", async () => {
    const said = await refusals(UNUSED.map(([line]) => ({ args: line.split(" ") })));
    UNUSED.forEach(([, says], i) => expect(said[i]).toMatch(says));
  });

  it("more connections than there can be open files", async () => {
    await using cli = spawnCli(["stress", "-c", "1000", "-n", "1"], { openFiles: 500 });
    expect((await cli.exit).code).toBe(2);
    expect(cli.stderr()).toMatch(
      /^iomux: 1000 connections need .* limit is 500 \(RLIMIT_NOFILE\): .*ulimit -n 2100 .*\n$/,
    );
  });
});

describe("limits of the process", () => {
  it("too few open files for a command is one line; --version and info need fewer", async () => {
    const openFiles = 12;
    for (const args of [["serve", "-p", "0"], ["client", "127.0.0.1:1"], ["stress"], ["probe"]]) {
      await using cli = spawnCli(args, { openFiles });
      expect([args, (await cli.exit).code, cli.stdout()]).toEqual([args, 1, ""]);
      expect(cli.stderr()).toBe(
        `iomux: ${args[0]} needs 32 open files at least, and the limit is 12: ` +
          "raise it with ulimit -n\n",
      );
    }
    const handler = ["--handler", handlerAt("commands.ts")];
    const threads: [needs: number, args: string[]][] = [
      [57, ["serve", "-p", "0", ...handler, "--handler-workers", "20"]],
      [150, ["serve", "-p", "0", "--workers", "20"]],
      [150, ["stress", "127.0.0.1:1", "-c", "20", "--workers", "20"]],
    ];
    for (const [needs, args] of threads) {
      await using cli = spawnCli(args, { openFiles: 40 });
      expect([args, (await cli.exit).code, cli.stdout()]).toEqual([args, 1, ""]);
      expect(cli.stderr()).toMatch(
        new RegExp(`^iomux: ${args[0]} needs ${needs} open files .* limit is 40: .*ulimit -n.*\n$`),
      );
    }
    await using version = spawnCli(["--version"], { openFiles: 24 });
    expect([(await version.exit).code, version.stderr()]).toEqual([0, ""]);
  });

  itUnless(
    NO_RLIMIT_AS,
    "too little virtual memory for native calls is one line, with the limit",
    async () => {
      const [command, args] = cliCommand(["stress", "-n", "1"]);
      const script = 'ulimit -v 2000000 && exec "$@"';
      await using cli = spawnCli([], { through: ["sh", ["-c", script, "sh", command, ...args]] });
      expect((await cli.exit).code).toBe(1);
      expect(cli.stderr()).toMatch(
        /^iomux: Cannot load libc.* the limit of virtual memory is 2048000000 bytes \(ulimit -v\), .*\n$/,
      );
    },
  );

  itUnless(
    NO_RLIMIT_AS,
    "help and completions need no native calls, and load none of their code",
    async () => {
      for (
        const args of [["--help"], ["serve", "--help"], ["stress", "--help"], [
          "completion",
          "bash",
        ]]
      ) {
        const [command, all] = cliCommand(args);
        const script = 'ulimit -v 2000000 && exec "$@"';
        await using cli = spawnCli([], { through: ["sh", ["-c", script, "sh", command, ...all]] });
        expect([args, (await cli.exit).code, cli.stderr()]).toEqual([args, 0, ""]);
      }
    },
  );
});

describe("a variable", () => {
  it("IOMUX_<COMMAND>_<OPTION> is an option, which the command line replaces", async () => {
    const env = { IOMUX_INFO_JSON: "1" };
    expect(JSON.parse((await run("info", env)).stdout).selectors.length).toBeGreaterThan(1);
    const off = await run("info", { IOMUX_INFO_JSON: "0", IOMUX_INFO_CONNECTIONS: "1k" });
    expect(off.stdout).toMatch(/^For 1,000 connections/m);
    const typed = await run("info --connections 2k", { IOMUX_INFO_CONNECTIONS: "1k" });
    expect(typed.stdout).toMatch(/^For 2,000 connections/m);
  });

  it("has all values of an option that can be repeated, with commas between them", async () => {
    const env = { IOMUX_STRESS_THRESHOLD: "p99<50s, errors==0" };
    const { code, stdout } = await run("stress -c 1 -n 5 --json", env);
    const { thresholds } = JSON.parse(stdout);
    expect([code, thresholds.map(({ expression }: { expression: string }) => expression)])
      .toEqual([0, ["p99<50s", "errors==0"]]);
    expect((await run("serve -p 0", { IOMUX_SERVE_ALLOW: "10.0.0.0/8," })).code).toBe(2);
  });

  it("of an option that an error names is named, also once the command runs", async () => {
    const cases: [line: string, variable: string, value: string, about: RegExp][] = [
      ["serve --selector select", "IOMUX_SERVE_ENGINE", "uring", /'--engine uring': /],
      ["serve --engine uring", "IOMUX_SERVE_SELECTOR", "select", /'--engine uring': /],
      ["serve --engine uring", "IOMUX_SERVE_TRACE", "1", /'--engine uring': /],
      ["serve --udp", "IOMUX_SERVE_SERVICE", "chargen", /'--udp' serves /],
      ["stress --client-engine uring", "IOMUX_STRESS_CLIENT_SELECTOR", "poll", /'--client-engine /],
    ];
    for (const [line, variable, value, about] of cases) {
      const { code, stderr } = await run(line, { [variable]: value, IOMUX_SERVE_PORT: "0" });
      const option = variable.replace(/^IOMUX_[A-Z]+_/, "").replaceAll("_", "-").toLowerCase();
      expect([line, code, stderr]).toEqual([line, 2, expect.stringMatching(about)]);
      expect(stderr.endsWith(`; '--${option}' is from ${variable}\n`)).toBe(true);
    }
  });

  it("IOMUX_SERVE_UNIX gives way to a port that is typed", async () => {
    await using server = await startServe(["-p", "0"], { env: { IOMUX_SERVE_UNIX: "x.sock" } });
    expect(server.name).toMatch(/^\d[\d.]+:\d+$/);
    const exec = "serve -p 0 --exec cat";
    const { code, stderr } = await run(exec, { IOMUX_SERVE_UNIX: "x.sock" });
    expect([code, stderr]).toMatchObject([2, expect.stringMatching(/needs an explicit '--host'/)]);
  });

  it("that is empty counts as unset, whatever the option", async () => {
    const env = { IOMUX_INFO_CONNECTIONS: "", IOMUX_INFO_JSON: "" };
    const { code, stdout, stderr } = await run("info", env);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^iomux +\d/);
  });

  it("of another command, or of none, has no effect", async () => {
    const env = {
      ...{ IOMUX_STRESS_CONNECTIONS: "x", IOMUX_CONNECTIONS: "x", IOMUX_SELECTOR: "bogus" },
      ...{ IOMUX_SERVE_PRT: "1", IOMUX_: "1", IOMUX_JSON: "1" },
    };
    const { code, stdout, stderr } = await run("info", env);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^epoll +works|^kqueue +works|^wsapoll +works|^select +works/m);
  });

  it("of this command that matches no option is warned of, and the nearest named", async () => {
    const env = { IOMUX_INFO_CONECTIONS: "5", IOMUX_INFO_PROCESSES: "2", IOMUX_INFO_X: "5" };
    const { code, stderr } = await run("info", env);
    expect(code).toBe(0);
    expect(stderr.split("\n").toSorted().join("\n")).toBe(
      "\niomux: IOMUX_INFO_CONECTIONS is no variable of this command " +
        "(did you mean IOMUX_INFO_CONNECTIONS?)\n" +
        "iomux: IOMUX_INFO_PROCESSES is gone: use --workers, or --start-at in several and iomux report\n" +
        "iomux: IOMUX_INFO_X is no variable of this command",
    );
  });

  it("that Kubernetes sets for a service of that name is not taken for ours", async () => {
    const service = (name: string) => ({
      [`${name}_SERVICE_HOST`]: "10.0.0.1",
      [`${name}_SERVICE_PORT`]: "9999",
      [`${name}_SERVICE_PORT_METRICS`]: "9100",
      [`${name}_PORT`]: "tcp://10.0.0.1:9999",
      [`${name}_PORT_9999_TCP`]: "tcp://10.0.0.1:9999",
      [`${name}_PORT_9999_TCP_PROTO`]: "tcp",
      [`${name}_PORT_9999_TCP_PORT`]: "9999",
      [`${name}_PORT_9999_TCP_ADDR`]: "10.0.0.1",
    });
    await using serve = spawnCli(["serve", "-H", "127.0.0.1", "--metrics", "nowhere"], {
      env: { ...service("IOMUX"), ...service("IOMUX_SERVE") },
    });
    // It gets as far as the option that is wrong.
    expect((await serve.exit).code).toBe(2);
    expect(serve.stderr()).toMatch(/^iomux: option '--metrics': [^\n]*\n$/);
  });
});
