/** What SIGINT, SIGTERM and SIGUSR1 do to a running command. */
import { isIgnored } from "../sys/signals.ts";
import { EXIT } from "./exit.ts";

/** The exit code of a process that a signal ended. */
const CODES = { SIGINT: EXIT.sigint, SIGTERM: EXIT.sigterm } as const;

/** Reactions of a command. */
export interface SignalActions {
  /** The first SIGINT or SIGTERM, with the exit code that it stands for. */
  first(code: number): void;
  /** A second one: end now. */
  second(code: number): void;
  /** SIGUSR1, where the system has it. */
  usr1?(): void;
  /** A SIGINT or SIGTERM that was ignored when the process started stays so, as by nohup(1). */
  readonly keepsIgnored?: boolean;
}

/** Installs the reactions, and returns how to take them away again. */
export function onSignals(actions: SignalActions): () => void {
  let seen = 0;
  const ending = (name: keyof typeof CODES) => () => {
    if (seen++ === 0) actions.first(CODES[name]);
    else actions.second(CODES[name]);
  };
  const listeners: [string, () => void][] = [];
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    if (!actions.keepsIgnored || !isIgnored(name)) listeners.push([name, ending(name)]);
  }
  if (actions.usr1 && process.platform !== "win32") listeners.push(["SIGUSR1", actions.usr1]);
  for (const [name, listener] of listeners) process.on(name as NodeJS.Signals, listener);
  return () => {
    for (const [name, listener] of listeners) process.off(name, listener);
  };
}
