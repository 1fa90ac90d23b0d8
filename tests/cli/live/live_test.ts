// The live line: what it says in how much room, and what it does to a real terminal.
import { describe as suite, expect, it } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { clip } from "../../../lib/cli/live/line.ts";
import { describe, type LiveState, RateHistory, sparkline } from "../../../lib/cli/live/stress.ts";
import { cliCommand, root } from "../../support/cli.ts";
import { itUnless, onWindows } from "../../support/systems.ts";
import { until } from "../../support/waiting.ts";

const ESCAPE = "\x1b";
const withoutColors = (text: string) =>
  text.replaceAll(new RegExp(`${ESCAPE}\\[[\\d;]*m`, "g"), "");

suite("the live line", () => {
  const state: LiveState = {
    ...{ seconds: 12.34, connections: 1500, done: 1_234_567, rate: 98_765.4, errors: 0 },
    ...{ mismatched: 0, latency: { p50: 81.2, p99: 1234 }, rates: [1, 2, 3, 4, 5, 6, 7, 8] },
  };

  it("has everything where there is room", () => {
    expect(describe(state, 160)).toBe(
      `12.3 s   ${" ".repeat(16)}${sparkline(state.rates)}   98,765/s   1,500 connections   ` +
        "0 errors   p50 81.2 us  p99 1.23 ms   1,234,567 messages",
    );
  });

  it("leaves out the least important first, and never takes more than there is", () => {
    const order = ["messages", "p99", "connections", " s ", "errors", "/s"];
    let left = order.length;
    for (let columns = 160; columns > 0; columns--) {
      const line = describe(state, columns);
      const parts = order.filter((word) => line.includes(word)).length;
      expect(parts).toBeLessThanOrEqual(left);
      expect(order.slice(order.length - parts).every((word) => line.includes(word))).toBe(true);
      if (parts > 1) expect(line.length).toBeLessThanOrEqual(columns);
      left = parts;
    }
    expect(left).toBe(1);
  });

  it("keeps errors and mismatches when almost nothing fits", () => {
    const line = describe({ ...state, errors: 1, mismatched: 3 }, 38);
    expect(line).toBe("98,765/s   1 error   3 MISMATCHED");
  });

  it("says that there is no latency yet", () => {
    expect(describe({ ...state, latency: null, rates: [] }, 160)).toBe(
      "12.3 s   98,765/s   1,500 connections   0 errors   p50 –  p99 –   1,234,567 messages",
    );
  });

  it("says the same with colours and without", () => {
    for (const errors of [0, 7]) {
      const changed = { ...state, errors, mismatched: errors };
      const colored = describe(changed, 160, true);
      expect(colored).toContain(ESCAPE);
      expect(withoutColors(colored)).toBe(describe(changed, 160));
      expect(describe(changed, 160)).not.toContain(ESCAPE);
    }
  });
});

suite("a sparkline", () => {
  it("has a bar for each value, the highest for the highest", () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█");
    expect(sparkline([700, 350, 0])).toBe("█▅▁");
  });
  it("is flat when nothing happens", () => {
    expect(sparkline([0, 0])).toBe("▁▁");
    expect(sparkline([5, 5])).toBe("██");
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

suite("a history of rates", () => {
  it("has the rate of the last second, and of each half second", () => {
    const history = new RateHistory();
    expect([history.rate, history.rates]).toEqual([0, []]);
    for (let ms = 0; ms <= 3000; ms += 100) {
      history.look(ms, ms <= 2000 ? ms : 2000 + (ms - 2000) * 3);
    }
    expect(history.rate).toBe(3000);
    expect(history.rates).toEqual([1000, 1000, 1000, 1000, 3000, 3000]);
  });
  it("keeps only what is drawn, and is never negative", () => {
    const history = new RateHistory();
    for (let i = 0; i < 100; i++) history.look(i * 500, -i);
    expect(history.rates.length).toBeLessThan(30);
    expect(Math.min(...history.rates, history.rate)).toBe(0);
  });
});

/** util-linux's script(1), which gives its command a terminal. */
const SCRIPT = "/usr/bin/script";
const NO_SCRIPT = onWindows
  ? "Windows has no script(1)"
  : existsSync(SCRIPT)
  ? undefined
  : "no script(1) here";

const HIDE = `${ESCAPE}[?25l`;
const SHOW = `${ESCAPE}[?25h`;

/** A command on a terminal of its own. */
class Terminal implements AsyncDisposable {
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcess;
  #said = "";

  constructor(args: string[], columns: number, env: Record<string, string>) {
    const [command, all] = cliCommand(args);
    const line = [command, ...all].map((word) => `'${word}'`).join(" ");
    const inherited = Object.entries(process.env).filter(([name]) =>
      !name.startsWith("IOMUX_") && !["NO_COLOR", "FORCE_COLOR"].includes(name)
    );
    this.#child = spawn(
      SCRIPT,
      ["-qec", `stty cols ${columns} rows 24; exec ${line}`, "/dev/null"],
      {
        cwd: root,
        env: { ...Object.fromEntries(inherited), TERM: "xterm", ...env },
        stdio: ["pipe", "pipe", "ignore"],
      },
    );
    this.#child.stdout!.on("data", (chunk) => this.#said += chunk);
    const guard = setTimeout(() => this.#child.kill("SIGKILL"), 40_000);
    this.exit = new Promise((resolve) =>
      this.#child.on("close", (code) => {
        clearTimeout(guard);
        resolve(code);
      })
    );
  }
  get said(): string {
    return this.#said;
  }
  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    this.#child.kill("SIGKILL");
    await this.exit;
  }
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
    NO_SCRIPT,
    "is drawn on a terminal, in its width, and leaves nothing behind",
    async () => {
      await using terminal = new Terminal(["stress", "-c", "2", "-d", "1500ms"], 72, {});
      expect(await terminal.exit).toBe(0);
      const report = checkEnd(terminal.said);
      expect(report).toMatch(/verdict +(pass|invalid)/); // invalid: on a busy machine
      const frames = terminal.said.slice(0, terminal.said.lastIndexOf(SHOW)).split(`\r${ESCAPE}[K`);
      const drawn = frames.filter((frame) => frame.includes("/s"));
      expect(drawn.length).toBeGreaterThan(1);
      for (const frame of drawn) {
        expect(withoutColors(frame)).toMatch(/^\d+\.\d s +[▁-█ ]*[\d,]+\/s +\d connections/);
        expect(withoutColors(frame).length).toBeLessThan(72);
      }
      expect(drawn.join("")).toContain(`${ESCAPE}[1m`);
    },
  );

  itUnless(NO_SCRIPT, "ends at Ctrl-C with the report of what was done", async () => {
    await using terminal = new Terminal(["stress", "-c", "2", "-d", "1h"], 100, { NO_COLOR: "1" });
    expect(await until(() => /[1-9][\d,]*\/s/.test(terminal.said), 20_000)).toBe(true);
    terminal.type("\x03");
    expect(await terminal.exit).toBe(130);
    expect(checkEnd(terminal.said)).toMatch(/verdict +(pass|invalid) \(interrupted\)/);
    expect(withoutColors(terminal.said)).toBe(terminal.said);
  });

  itUnless(NO_SCRIPT, "is not drawn on a terminal that can't go back in a line", async () => {
    await using terminal = new Terminal(["stress", "-n", "100"], 100, { TERM: "dumb" });
    expect(await terminal.exit).toBe(0);
    expect(terminal.said).toMatch(/^target /);
    expect(terminal.said).not.toContain(ESCAPE);
  });
});
