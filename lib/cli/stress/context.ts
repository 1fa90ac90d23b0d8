/** What a run of load needs around it: checks in front, signals and the live line meanwhile. */
import type { Spawn } from "../../serve/server.ts";
import type { SpawnLoad } from "../../stress/run/run.ts";
import type { Watched } from "../../stress/run/watch.ts";
import { leave } from "../leave.ts";
import { isColorful, isLive, liveLine } from "../live/line.ts";
import { stressLine } from "../live/stress.ts";
import { checkEngine } from "../options/engine.ts";
import { checkSelector } from "../options/selector.ts";
import { checkClientTls } from "../options/tls_check.ts";
import { say } from "../output.ts";
import { onSignals } from "../signals.ts";
import { checkDescriptors } from "./limits.ts";
import { isEmbedded, type RunContext, type RunSettings } from "./session.ts";

/** What can be known to be wrong before anything starts. @throws UsageError */
export async function checkSettings(settings: RunSettings): Promise<void> {
  checkSelector(settings.clientSelector);
  checkEngine("--client-engine", settings.clientEngine ?? "auto", settings.clientSelector);
  checkSelector(settings.selector);
  if (settings.tls) await checkClientTls(settings.tls);
  checkDescriptors(settings.connections, isEmbedded(settings));
}

/** A context with a live view, which can be taken away before something else is printed. */
export interface LiveContext extends RunContext {
  endLive(): void;
  /** What is said in front of the live line from now on, such as which round it is. */
  describe(what: string): void;
}

/** How often `--progress` writes a line. */
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
  const interruption = new AbortController();
  let signalCode: number | undefined;
  let current: Watched | undefined;
  let about = "";
  const line = stressLine(() => current, isColorful());
  const described = (columns: number) =>
    about === "" ? line(columns) : `${about}   ${line(columns - about.length - 3)}`;
  const endLine = liveLine(described);
  const telling = progress && !isLive()
    ? setInterval(() => say(described(Infinity) || "has not started yet"), PROGRESS_MS)
    : undefined;
  const endLive = () => {
    clearInterval(telling);
    endLine();
  };
  const interim = stressLine(() => current, false);
  const restore = onSignals({
    first(code) {
      signalCode = code;
      interruption.abort();
    },
    second(code) {
      endLive();
      leave(code);
    },
    usr1: () => say(interim(Infinity) || "has not started yet"),
  });
  try {
    const code = await action({
      spawn,
      interruption: interruption.signal,
      began: (run) => current = run,
      endLive,
      describe: (what) => about = what,
    });
    return signalCode ?? code;
  } finally {
    endLive();
    restore();
  }
}
