/** The paths of Unix sockets, and their abstract names on Linux, written "@NAME": unix(7). */
import { isBsd, system } from "../system.ts";

/** What differs between the systems. */
export interface PathForm {
  /** The longest path: the size of sun_path without the NUL behind a path, or before an abstract name. */
  readonly pathMax: number;
  /** There are names outside of the file system. */
  readonly abstract: boolean;
}

export const PATH_FORM: PathForm = {
  pathMax: isBsd ? 103 : 107, // sys/un.h: char sun_path[104], and 108 on Linux and Windows
  abstract: system === "linux",
};

export const isAbstract = (path: string, form: PathForm): boolean =>
  form.abstract && path.startsWith("@");

/** What is wrong with a path; undefined when nothing is. */
export function pathProblem(path: string, form: PathForm = PATH_FORM): string | undefined {
  const named = isAbstract(path, form) ? path.slice(1) : path;
  const { length } = new TextEncoder().encode(named);
  if (!path.isWellFormed()) return "it is no Unicode text";
  if (named.includes("\0")) return "it has a NUL byte";
  if (length > 0 && length <= form.pathMax) return undefined;
  const what = named === path ? "it" : "what follows the @";
  return `${what} has ${length} bytes; 1 to ${form.pathMax} bytes are allowed`;
}
