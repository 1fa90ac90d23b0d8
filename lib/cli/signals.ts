/** What signals do to a running command. */
import { FLUSH_MS } from "../sys/stdio/output.ts";
import { OutputStream, writeWhole } from "../sys/stdio/output_stream.ts";
import { isIgnored } from "../sys/process/signals.ts";
import { EXIT } from "./exit.ts";
import { leave } from "./leave.ts";
import { useStreams } from "./output.ts";

/** The exit code of a process that a signal ended; a terminal that hangs up ends it as SIGTERM does. */
const CODES = { SIGINT: EXIT.sigint, SIGTERM: EXIT.sigterm, SIGHUP: EXIT.sigterm } as const;
type Ending = keyof typeof CODES;

/**
 * The same signal once more within this time is the first one still: who signals a process and then its group,
 * as timeout(1) does, sends it twice.
 */
const BURST_MS = 500;

export interface SignalActions {
  /** The first SIGINT, SIGTERM or SIGHUP, with the exit code that it stands for. */
  first(code: number): void;
  /** A second one, and not of the same burst: end now. */
  second(code: number): void;
  /** SIGUSR1, where the system has it. */
  usr1?(): void;
  /** A SIGINT or SIGTERM that was ignored when the process started stays so; SIGHUP always does, for nohup(1). */
  readonly keepsIgnored?: boolean;
}

/** Installs the reactions, and returns how to take them away again. */
export function onSignals(actions: SignalActions): () => void {
  let seen: { readonly name: Ending; readonly at: number } | undefined;
  const ending = (name: Ending) => () => {
    if (seen === undefined) {
      seen = { name, at: performance.now() };
      actions.first(CODES[name]);
    } else if (name !== seen.name || performance.now() - seen.at >= BURST_MS) {
      actions.second(CODES[name]);
    }
  };
  const listeners: [NodeJS.Signals, () => void][] = [];
  for (const name of Object.keys(CODES) as Ending[]) {
    const keeps = actions.keepsIgnored || name === "SIGHUP";
    if (!keeps || !isIgnored(name)) listeners.push([name, ending(name)]);
  }
  if (actions.usr1 && process.platform !== "win32") listeners.push(["SIGUSR1", actions.usr1]);
  for (const [name, listener] of listeners) process.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) process.off(name, listener);
  };
}

/**
 * Gives `action` a signal to end by: that of the first SIGINT or SIGTERM, whose code then replaces that of the
 * action. A second one ends the process, after `leaving`. Standard streams without a reader hold up neither.
 */
export async function interruptible(
  action: (interruption: AbortSignal) => Promise<number>,
  { leaving, usr1 }: { leaving?: () => void; usr1?: () => void } = {},
): Promise<number> {
  const interruption = new AbortController();
  let signalCode: number | undefined;
  const stderr = new OutputStream(2);
  useStreams({
    out: (text) => writeWhole(1, text, interruption.signal),
    err: (text) => stderr.write(text),
  });
  const restore = onSignals({
    first(code) {
      signalCode = code;
      interruption.abort();
    },
    second(code) {
      leaving?.();
      leave(code);
    },
    ...(usr1 ? { usr1 } : {}),
  });
  try {
    const code = await action(interruption.signal);
    return signalCode ?? code;
  } catch (error) {
    if (signalCode === undefined || error !== interruption.signal.reason) throw error;
    return signalCode;
  } finally {
    await stderr.flush(FLUSH_MS);
    useStreams(undefined);
    restore();
  }
}
