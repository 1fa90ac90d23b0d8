// How much of the two cores other programs took during a measurement. This machine may be shared,
// and a server that keeps losing its core and its caches looks dearer than it is.
import { readFileSync } from "node:fs";
import { clientCpu, serverCpu } from "./process.ts";

const tickMs = 10; // the unit of these files on every Linux port

/** Starts counting; the result says what share others took since, in percent. */
export function countOthers(serverPid: number): () => number {
  const from = performance.now(), before = othersTicks(serverPid);
  return () => {
    const ticks = (performance.now() - from) * 2 / tickMs; // of two cores
    return Math.max(0, (othersTicks(serverPid) - before) / ticks * 100);
  };
}

/** All that ran on the two cores, without the server, this program and the children it has had. */
function othersTicks(serverPid: number): number {
  const stat = readFileSync("/proc/stat", "utf8");
  const ran = [serverCpu, clientCpu].map((cpu) => {
    const line = stat.match(new RegExp(`^cpu${cpu} (.*)$`, "m"));
    if (!line) throw new Error(`/proc/stat has no cpu${cpu}`);
    const [user, nice, system, _idle, _iowait, irq, softirq, steal] = line[1]!.split(" ").map(
      Number,
    );
    return user! + nice! + system! + irq! + softirq! + (steal ?? 0);
  });
  return ran[0]! + ran[1]! - ticksOf(serverPid, 2) - ticksOf("self", 4);
}

/** utime and stime of a process, and with `fields` 4 those of the children it has waited for. */
function ticksOf(pid: number | "self", fields: 2 | 4): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const rest = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // from the third field on
  return rest.slice(11, 11 + fields).reduce((total, field) => total + Number(field), 0);
}
