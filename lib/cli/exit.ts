/** Exit codes, and which one an error means. */

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  timeout: 4,
  peerGone: 5,
  verification: 6,
  threshold: 7,
  invalid: 8,
  sigint: 130,
  brokenPipe: 141,
  sigterm: 143,
} as const;

/** Wrong usage, such as two options that exclude each other. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The names of errors of other folders that say what is wrong with an option. */
const USAGE = new Set([
  ...["UsageError", "UnitError", "ThresholdError", "TlsConfigError", "HandlerError"],
]);
const GONE = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "TLS_TRUNCATED"]);

/** What connections that could not be made mean, by the codes of their errors: those of a whole run, or of one. */
export function connectCodeOf(codes: readonly (string | null)[]): number {
  const gone = (code: string | null) => GONE.has(code!);
  // Something answered, but not as one that can be talked to.
  if (codes.some((code) => code?.startsWith("TLS_") && !gone(code))) return EXIT.failed;
  if (codes.every(gone)) return EXIT.peerGone;
  return codes.every((code) => code === "ETIMEDOUT") ? EXIT.timeout : EXIT.unreachable;
}

/** What fails where nothing listens, or where there is no such place here to listen on. */
const NOWHERE = new Set(["connect", "bind", "listen", "if_nametoindex"]);

export function exitCodeOf(error: unknown): number {
  const { name, code, syscall } = error as { name?: string; code?: string; syscall?: string };
  if (USAGE.has(name!)) return EXIT.usage;
  if (name === "ResolveError") return EXIT.unreachable;
  if (name !== "OSError") return EXIT.failed;
  if (code === "ETIMEDOUT") return EXIT.timeout;
  if (code === "ECONNREFUSED") return EXIT.unreachable; // of datagrams, a later call says so
  if (NOWHERE.has(syscall!)) return EXIT.unreachable;
  return GONE.has(code!) ? EXIT.peerGone : EXIT.failed;
}
