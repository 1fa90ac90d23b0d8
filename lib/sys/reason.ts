/** Why a call has failed, for sentences. Loads no native calls, so that every command can say it. */
import { getSystemErrorMap } from "node:util";

/**
 * "ENOENT (no such file or directory)", of an error of the runtime or of ours. The words are those of the code: a
 * message has them on some runtimes and in some calls only.
 */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const words = getSystemErrorMap().values().find(([name]) => name === code)?.[1];
  return words === undefined ? message : `${code} (${words})`;
}
