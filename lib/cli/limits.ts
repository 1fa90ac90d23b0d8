/** Limits of the process below which the runtime fails by itself, with words of its own: found out before. */
import { readFileSync } from "node:fs";

/** What a runtime has open by itself, with the threads, sockets and event descriptors of any command. */
const FEWEST_FILES = 32;

/** A limit of this process by its name in /proc/self/limits, proc(5); Infinity where it can't be read. */
function limitOf(name: string): number {
  try {
    const text = readFileSync("/proc/self/limits", "utf8");
    const soft = new RegExp(`^${name} +(\\d+) `, "m").exec(text)?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

/** @throws Error when there are too few open files for any command that has connections */
export const checkLimits = (command: string): void => checkFiles(command, FEWEST_FILES);

/** What threads have open, their loops, their selectors and listeners included: measured on Bun. */
const FILES = { process: 10, loop: 7, handler: 2 };

/** @throws Error when there are too few open files for so many threads: runtimes end with a page of their own */
export const checkThreads = (command: string, loops: number, handlers = 0): void =>
  checkFiles(
    command,
    FILES.process + loops * FILES.loop + handlers * FILES.handler,
    loops + handlers,
  );

function checkFiles(command: string, needed: number, threads?: number): void {
  const files = limitOf("Max open files");
  if (files >= needed) return;
  const [where, or] = threads === undefined
    ? ["", ""]
    : [` with ${threads} threads`, ", or ask for fewer threads"];
  throw new Error(
    `${command} needs ${needed} open files at least${where}, and the limit is ${files}: ` +
      `raise it with ulimit -n${or}`,
  );
}

/** What to do about a failure for which a limit is to blame; nothing for others. */
export function adviceFor({ code, message }: { code?: string; message: string }): string {
  if (code === "EMFILE") {
    return `; the limit of open files is ${limitOf("Max open files")}: raise it with ulimit -n`;
  }
  if (/requires the JIT/.test(message)) {
    const bytes = limitOf("Max address space");
    if (bytes !== Infinity) {
      return `, and that has no room: the limit of virtual memory is ${bytes} bytes (ulimit -v), ` +
        "and has to be 4 GiB at least";
    }
  }
  return "";
}
