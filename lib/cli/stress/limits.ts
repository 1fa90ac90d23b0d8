/** Limits of the system that a load could run into, checked before it starts. */
import { connectionsBelow } from "../../serve/options.ts";
import { raiseOpenFileLimit } from "../../sys/process/limits.ts";
import { UsageError } from "../exit.ts";

/** Files that a process has open besides its connections, about. */
const OTHERS = 100;

/**
 * One line on stderr, instead of EMFILE for some of the connections: which limit it is, how far it goes,
 * and how to raise it or do without.
 *
 * @throws UsageError
 */
export function checkDescriptors(connections: number, embedded: boolean): void {
  const { soft } = raiseOpenFileLimit();
  const most = connectionsBelow(soft);
  const needed = embedded ? 2 * connections : connections;
  if (needed <= most) return;
  const wanted = needed + OTHERS;
  const alternative = embedded
    ? "run the server apart (iomux serve)"
    : "start several with --start-at, and add up their results with iomux report";
  throw new UsageError(
    `${connections} connections need about ${wanted} open files in one process, and its limit is ` +
      `${soft} (RLIMIT_NOFILE): raise it with ulimit -n ${wanted} (iomux info --connections ` +
      `${needed} has every step), or ${alternative}`,
  );
}
