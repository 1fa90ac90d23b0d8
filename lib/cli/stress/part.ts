/**
 * A process of `iomux stress --processes N`: it is told its part of the run on its stdin, a socket, and
 * says there what it has done. See stress_processes.ts for the other end.
 */
import { createSelector, EVENT_READ } from "../../selectors/mod.ts";
import type { Spawn } from "../../serve/server.ts";
import type { FromProcess } from "../../stress/run/processes.ts";
import { linkOfThisProcess } from "../../stress/run/processes.ts";
import type { Link, ToProcess } from "../../stress/run/process_link.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import type { Watched } from "../../stress/run/watch.ts";
import { raiseOpenFileLimit } from "../../sys/limits.ts";
import { EXIT, UsageError } from "../exit.ts";
import { PART_COMMAND } from "../self.ts";
import { onSignals } from "../signals.ts";
import { runSession, type RunSettings } from "./session.ts";

/** How often a process says how far it is. */
const PROGRESS_MS = 100;

/** Does its part; returns the exit code. */
export async function runPart(spawn: Spawn & SpawnLoad): Promise<number> {
  let link: Link<ToProcess, FromProcess>;
  try {
    link = linkOfThisProcess();
  } catch {
    throw new UsageError(`"${PART_COMMAND}" is for iomux itself: see stress --processes`);
  }
  raiseOpenFileLimit();
  const interruption = new AbortController();
  const restore = onSignals({
    first: () => interruption.abort(),
    second: (code) => process.exit(code),
  });
  const part = new Part(link, interruption, spawn);
  try {
    return await part.listen();
  } finally {
    restore();
  }
}

class Part {
  readonly #link: Link<ToProcess, FromProcess>;
  readonly #interruption: AbortController;
  readonly #spawn: Spawn & SpawnLoad;
  #go: () => void = () => {};
  #ending: Promise<number> | undefined;
  #over = false;

  constructor(
    link: Link<ToProcess, FromProcess>,
    interruption: AbortController,
    spawn: Spawn & SpawnLoad,
  ) {
    this.#link = link;
    this.#interruption = interruption;
    this.#spawn = spawn;
  }

  /** Does what it is told, until its part is over; when the other side is gone it ends its run. */
  async listen(): Promise<number> {
    using selector = createSelector("poll");
    selector.register(this.#link.socket, EVENT_READ);
    while (!this.#over) {
      await selector.selectAsync();
      for (const message of this.#link.take()) {
        if (message?.type === "begin") {
          this.#ending = this.#run(message.settings as RunSettings).finally(() => {
            this.#over = true;
            selector.wakeup();
          });
        } else if (message?.type === "go") this.#go();
        else this.#interruption.abort();
        if (message === null) {
          selector.unregister(this.#link.socket);
          return await this.#ending ?? EXIT.failed;
        }
      }
    }
    return await this.#ending!;
  }

  async #run(settings: RunSettings): Promise<number> {
    const link = this.#link;
    let telling: ReturnType<typeof setInterval> | undefined;
    try {
      const outcome = await runSession(settings, {
        spawn: this.#spawn,
        interruption: this.#interruption.signal,
        began: (run: Watched) => {
          telling = setInterval(() => {
            const { elapsedMs, timeline } = run;
            const report = { progress: run.progress(), elapsedMs, second: timeline.at(-1) ?? null };
            void link.send({ type: "progress", report });
          }, PROGRESS_MS);
        },
        connected: async () => {
          const word = new Promise<void>((resolve) => this.#go = resolve);
          await link.send({ type: "connected" });
          await word;
        },
      });
      clearInterval(telling);
      await link.send({ type: "result", ...outcome });
      return EXIT.ok;
    } catch (error) {
      clearInterval(telling);
      await link.send({ type: "failed", message: (error as Error).message });
      return EXIT.failed;
    }
  }
}
