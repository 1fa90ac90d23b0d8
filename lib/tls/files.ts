/** Files of keys and certificates, looked at before a library does: its own words are of little help. */
import { readFileSync } from "node:fs";
import { TlsConfigError } from "./errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
};

/**
 * The text of a PEM file that must contain what `pattern` looks for.
 *
 * @throws TlsConfigError when it can't be read, or is something else, or is encrypted
 */
export function checkFile(path: string, what: string, pattern: RegExp): string {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch (error) {
    const { code = "", message } = error as { code?: string; message: string };
    const reason = REASONS[code] ? `${code} (${REASONS[code]})` : code || message;
    throw new TlsConfigError(`Cannot read the ${what} ${path}: ${reason}`);
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new TlsConfigError(
      `Cannot use the ${what} ${path}: it is encrypted; decrypt it with: openssl pkey -in FILE -out FILE`,
    );
  }
  if (!pattern.test(text)) {
    throw new TlsConfigError(
      `Cannot use the ${what} ${path}: there is none in it; a PEM file is needed ("-----BEGIN …")`,
    );
  }
  return text;
}
