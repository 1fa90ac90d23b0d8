// The live line: what it says in how much room, and what it does to a real terminal.
import { describe as suite, expect, it } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { clip } from "../../../lib/cli/live/line.ts";
import { describe, type LiveState, RateMeter, stressLine } from "../../../lib/cli/live/stress.ts";
import type { Watched } from "../../../lib/stress/run/watch.ts";
import { cliCommand } from "../../support/cli.ts";
import { itUnless, NO_SIGNALS } from "../../support/systems.ts";
import { TempDir } from "../../support/files.ts";
import { until } from "../../support/waiting.ts";
import { NO_TERMINAL, shellLine, Terminal } from "../../support/terminal.ts";

const ESCAPE = "\x1b";
const withoutColors = (text: string) =>
  text.replaceAll(new RegExp(`${ESCAPE}\\[[\\d;]*m`, "g"), "");

suite("the live line", () => {
  const state: LiveState = {
    ...{ seconds: 12.34, connections: 1500, done: 1_234_567, rate: 98_765.4, errors: 0 },
    ...{ mismatched: 0, latency: { p50: 81.2, p99: 1234 } },
  };

  it("has what matters most in front", () => {
    expect(describe(state)).toBe(
      "12.3 s   98,765/s   0 errors   1,500 connections   p50 81.2 us  p99 1.23 ms   " +
        "1,234,567 messages",
    );
    expect(describe({ ...state, errors: 1, mismatched: 3 }))
      .toContain("12.3 s   98,765/s   1 error   3 MISMATCHED   1,500");
  });

  it("says that there is no latency yet", () => {
    expect(describe({ ...state, latency: null })).toContain(
      " connections   p50 –  p99 –   1,234,567",
    );
  });

  it("says the same with colours and without", () => {
    for (const errors of [0, 7]) {
      const changed = { ...state, errors, mismatched: errors };
      const colored = describe(changed, true);
      expect(colored).toContain(ESCAPE);
      expect(withoutColors(colored)).toBe(describe(changed));
      expect(describe(changed)).not.toContain(ESCAPE);
    }
  });
});

suite("a clipped text", () => {
  it("counts what is seen", () => {
    expect(clip("hello", 5)).toBe("hello");
    expect(clip("hello", 4)).toBe("hell");
    expect(clip("▁█▁", 2)).toBe("▁█");
  });
  it("does not count colours, and ends them", () => {
    const red = `${ESCAPE}[31m`;
    expect(clip(`${red}hello${ESCAPE}[39m`, 5)).toBe(`${red}hello${ESCAPE}[39m`);
    expect(clip(`${red}hello${ESCAPE}[39m`, 3)).toBe(`${red}hel${ESCAPE}[0m`);
  });
});

suite("a meter of rates", () => {
  it("has the rate of the last second, however it was before", () => {
    const meter = new RateMeter();
    expect(meter.look(0, 0)).toBe(0);
    expect(meter.look(500, 50)).toBe(100);
    for (let ms = 600; ms <= 2000; ms += 100) meter.look(ms, ms / 10);
    for (let ms = 2100; ms < 3000; ms += 100) meter.look(ms, 200 + (ms - 2000) * 3);
    expect(meter.look(3000, 200 + 3000)).toBe(3000);
  });
  it("is never negative", () => {
    const meter = new RateMeter();
    expect(Math.min(...Array.from({ length: 9 }, (_, i) => meter.look(i * 500, -i)))).toBe(0);
  });
});

suite("the line of a run", () => {
  const run = (elapsedMs: number, received: number): Watched => ({
    plan: { connections: 4, warmupMs: 0, expect: { kind: "echo" } },
    elapsedMs,
    timeline: [],
    progress: () => ({
      connections: 4,
      sent: 0,
      received,
      mismatched: 0,
      errors: 0,
      unanswered: 0,
      bytes: 0,
    }),
  });

  it("is not empty before the run has begun, nor between two of them", () => {
    const runs = [undefined, run(0, 0), undefined];
    const line = stressLine(() => runs.shift(), false);
    expect([line(), line(), line()]).toEqual([
      "starting",
      "connecting   4 of 4 connections",
      "starting",
    ]);
  });

  it("has the rate since counting began at the first look at a run", () => {
    expect(stressLine(() => run(500, 600), false)()).toContain("0.5 s   1,200/s   0 errors");
  });
});

const HIDE = `${ESCAPE}[?25l`;
const SHOW = `${ESCAPE}[?25h`;

/** iomux on a terminal. */
function onTerminal(args: string[], columns: number, env: Record<string, string> = {}): Terminal {
  const [command, all] = cliCommand(args);
  return new Terminal(shellLine([command, ...all]), columns, env);
}

suite("the live line of iomux stress", () => {
  /** The cursor is hidden once, shown in the end, and the report begins on a line of its own. */
  function checkEnd(said: string): string {
    expect(said.split(HIDE).length).toBe(2);
    expect(said.lastIndexOf(SHOW)).toBeGreaterThan(said.lastIndexOf(HIDE));
    const report = said.slice(said.lastIndexOf(SHOW) + SHOW.length);
    expect(report).toMatch(/^target /);
    return report;
  }

  itUnless(
    NO_TERMINAL,
    "is drawn on a terminal, in its width, and leaves nothing behind",
    async () => {
      await using terminal = onTerminal(
        ["stress", "-c", "2", "--think", "5ms", "-d", "1500ms"],
        72,
      );
      expect(await terminal.exit).toBe(0);
      const report = checkEnd(terminal.said);
      expect(report).toMatch(/verdict +(pass|invalid)/); // invalid: on a busy machine
      const frames = terminal.said.slice(0, terminal.said.lastIndexOf(SHOW)).split(`\r${ESCAPE}[K`);
      const drawn = frames.filter((frame) => frame.includes("/s"));
      expect(drawn.length).toBeGreaterThan(1);
      for (const frame of drawn) {
        expect(withoutColors(frame)).toMatch(/^\d+\.\d s +[\d,]+\/s +\d errors? +\d connections/);
        expect(withoutColors(frame).length).toBeLessThan(72);
      }
      expect(drawn.join("")).toContain(`${ESCAPE}[1m`);
    },
  );

  itUnless(NO_TERMINAL, "ends at Ctrl-C with the report of what was done", async () => {
    await using terminal = onTerminal(["stress", "-c", "2", "--think", "5ms", "-d", "1h"], 100, {
      NO_COLOR: "1",
    });
    await terminal.says(/[1-9][\d,]*\/s/);
    terminal.type("\x03");
    expect(await terminal.exit).toBe(130);
    expect(checkEnd(terminal.said)).toMatch(/verdict +(pass|invalid) \(interrupted\)/);
    expect(withoutColors(terminal.said)).toBe(terminal.said);
  });

  itUnless(
    NO_TERMINAL ?? NO_SIGNALS,
    "gives the cursor back at Ctrl-Z, and goes on after fg",
    async () => {
      // A shell with job control, so that a stop is more than a signal.
      await using shell = new Terminal("bash --norc --noprofile -i", 100, { PS1: "$ " });
      const [command, all] = cliCommand(["stress", "-c", "2", "--think", "5ms", "-d", "1h"]);
      shell.type(`${shellLine([command, ...all])}\r`);
      const hidden = shell.said.length;
      const running = await shell.says(/[1-9][\d,]*\/s/, hidden);
      shell.type("\x1a");
      const stopped = await shell.says(/Stopped/, running);
      const atStop = shell.said.slice(0, stopped);
      expect(atStop.lastIndexOf(SHOW)).toBeGreaterThan(atStop.lastIndexOf(HIDE));
      shell.type("fg\r");
      const again = await shell.says(new RegExp(`\\?25l[^]*/s`), stopped);
      shell.type("\x03");
      const ended = await shell.says(/verdict +\w+ \(interrupted\)/, again);
      const all_ = shell.said.slice(0, ended);
      expect(all_.lastIndexOf(SHOW)).toBeGreaterThan(all_.lastIndexOf(HIDE));
    },
  );

  itUnless(
    NO_TERMINAL ?? NO_SIGNALS,
    "gives the cursor back when SIGQUIT or SIGHUP ends it",
    async () => {
      for (const signal of ["SIGQUIT", "SIGHUP"] as const) {
        const [command, all] = cliCommand(["stress", "-c", "2", "--think", "5ms", "-d", "1h"]);
        const script = `ulimit -c 0; echo pid $$; exec ${shellLine([command, ...all])}`;
        await using terminal = new Terminal(shellLine(["sh", "-c", script]), 100);
        await terminal.says(/[1-9][\d,]*\/s/);
        process.kill(Number(/pid (\d+)/.exec(terminal.said)![1]), signal);
        await terminal.exit;
        const { said } = terminal;
        expect(said.lastIndexOf(SHOW)).toBeGreaterThan(said.lastIndexOf(HIDE));
        expect(/verdict/.test(said)).toBe(signal === "SIGHUP"); // as SIGTERM: with what was measured
      }
    },
  );

  itUnless(NO_TERMINAL ?? NO_SIGNALS, "makes room for what else is said", async () => {
    const [command, all] = cliCommand(["stress", "-c", "2", "--think", "5ms", "-d", "1h"]);
    const script = `echo pid $$; exec ${shellLine([command, ...all])}`;
    await using terminal = new Terminal(shellLine(["sh", "-c", script]), 100);
    await terminal.says(/[1-9][\d,]*\/s/);
    process.kill(Number(/pid (\d+)/.exec(terminal.said)![1]), "SIGUSR1");
    const said = await terminal.says(/iomux: \d/);
    expect(terminal.said.slice(0, said)).toContain(`\r${ESCAPE}[Kiomux: `);
    terminal.type("\x03");
    expect(await terminal.exit).toBe(130);
  });

  itUnless(
    NO_TERMINAL ?? NO_SIGNALS,
    "costs no result when the terminal goes away: files are written, with what was measured",
    async () => {
      using folder = new TempDir();
      const json = folder.file("run.json");
      {
        await using terminal = onTerminal([
          "stress",
          "-c",
          "2",
          "--think",
          "5ms",
          "-d",
          "1h",
          "-o",
          json,
        ], 100);
        await terminal.says(/[1-9][\d,]*\/s/);
      }
      expect(
        await until(() => existsSync(json) && readFileSync(json, "utf8").endsWith("}\n"), 20_000),
      )
        .toBe(true);
      const { interrupted, messages } = JSON.parse(readFileSync(json, "utf8"));
      expect(interrupted).toBe(true);
      expect(messages.verified).toBeGreaterThan(0);
    },
  );

  itUnless(NO_TERMINAL, "is not drawn on a terminal that can't go back in a line", async () => {
    await using terminal = onTerminal(["stress", "-n", "100"], 100, { TERM: "dumb" });
    expect(await terminal.exit).toBe(0);
    expect(terminal.said).toMatch(/^target /);
    expect(terminal.said).not.toContain(ESCAPE);
  });
});
