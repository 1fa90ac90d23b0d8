/** Limits of the system that a load could run into, told before it starts. */
import { connectionsBelow } from "../serve/options.ts";
import { raiseOpenFileLimit } from "../sys/limits.ts";
import { UsageError } from "./exit.ts";

/** One line on stderr, instead of EMFILE for some of the connections. @throws UsageError */
export function checkDescriptors(connections: number, embedded: boolean): void {
  const { soft } = raiseOpenFileLimit();
  const needed = connections * (embedded ? 2 : 1);
  if (needed <= connectionsBelow(soft)) return;
  throw new UsageError(
    `${connections} connections need about ${needed + 100} open files, and the limit is ` +
      `${soft}: raise it with ulimit -n`,
  );
}
