/** What a run of load needs around it: checks in front, signals and the live line meanwhile. */
import type { Spawn } from "../../serve/server.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import type { Watched } from "../../stress/run/watch.ts";
import { checkThreads } from "../limits.ts";
import { isColorful, isLive, liveLine } from "../live/line.ts";
import { stressLine } from "../live/stress.ts";
import { checkEngine, checkSelector } from "../options/checks.ts";
import { checkClientTls } from "../options/tls.ts";
import { say } from "../output.ts";
import * as signals from "../signals.ts";
import { checkDescriptors } from "./limits.ts";
import { isEmbedded, type RunContext, type RunSettings } from "./session.ts";

/** What can be known to be wrong before anything starts. @throws UsageError */
export async function checkSettings(settings: RunSettings): Promise<void> {
  checkSelector(settings.clientSelector);
  checkEngine("--client-engine", settings.clientEngine, settings.clientSelector);
  checkSelector(settings.selector);
  if (settings.tls) await checkClientTls(settings.tls);
  const embedded = isEmbedded(settings);
  checkDescriptors(settings.connections, embedded);
  const generators = Math.min(settings.workers, settings.connections);
  checkThreads("stress", generators + (embedded ? settings.serverWorkers : 0));
}

/** A context with a live view, which can be taken away before something else is printed. */
export interface LiveContext extends RunContext {
  endLive(): void;
  /** What is said in front of the live line from now on, such as which round it is. */
  describe(what: string): void;
}

const PROGRESS_MS = 1000;

/**
 * Gives a context to `action` whose runs end at the first SIGINT or SIGTERM; its code then replaces that
 * of the action. A second one ends the process. With `progress` a line a second is written to stderr where that
 * is no terminal.
 */
export async function interruptible(
  spawn: Spawn & SpawnLoad,
  progress: boolean,
  action: (context: LiveContext) => Promise<number>,
): Promise<number> {
  let current: Watched | undefined;
  let about = "";
  const described = (colors: boolean) => {
    const line = stressLine(() => current, colors);
    return () => about === "" ? line() : `${about}   ${line()}`;
  };
  const line = described(isColorful());
  const endLine = liveLine(line);
  const progressing = progress && !isLive()
    ? setInterval(() => say(line()), PROGRESS_MS)
    : undefined;
  const endLive = () => {
    clearInterval(progressing);
    endLine();
  };
  const interim = described(false);
  try {
    return await signals.interruptible(
      (interruption) =>
        action({
          spawn,
          interruption,
          began: (run) => current = run,
          endLive,
          describe: (what) => {
            about = what;
            current = undefined; // the run before is not what is described
          },
        }),
      { leaving: endLive, usr1: () => say(interim()) },
    );
  } finally {
    endLive();
  }
}
