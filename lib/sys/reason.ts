/** Why a call has failed, in words: the same on every system and runtime. Loads no native calls. */
import { getSystemErrorMap } from "node:util";

let words: ReadonlyMap<string, string> | undefined;

/** "no such file or directory" for "ENOENT"; undefined for what the runtimes have no words for. */
export const wordsOf = (code: string): string | undefined =>
  (words ??= new Map(getSystemErrorMap().values())).get(code);

/**
 * "ENOENT (no such file or directory)", of an error of the runtime or of ours. The words are those of the code: a
 * message has them on some runtimes and in some calls only.
 */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const text = code === undefined ? undefined : wordsOf(code);
  return text === undefined ? message : `${code} (${text})`;
}
