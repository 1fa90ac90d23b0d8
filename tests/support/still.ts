/** Processes that were stopped: SIGSTOP is sent at once, and reaches threads when they come to it. */
import { readdirSync, readFileSync } from "node:fs";

/** Resolves when all threads of a process stand still, or it has ended; at once where /proc can't tell. */
export async function allStill(pid: number): Promise<void> {
  if (process.platform !== "linux") return;
  while (!statesOf(pid).every((state) => state === "T")) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The letters of proc_pid_stat(5), of threads that are still there. */
function statesOf(pid: number): string[] {
  const threads = `/proc/${pid}/task`;
  try {
    return readdirSync(threads).flatMap((thread) => {
      try {
        return /^.*\) (.) /.exec(readFileSync(`${threads}/${thread}/stat`, "utf8"))!.slice(1);
      } catch {
        return []; // it has ended meanwhile
      }
    }).filter((state) => state !== "Z");
  } catch {
    return [];
  }
}
