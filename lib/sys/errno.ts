/**
 * errno, and the one way from a failed call to an exception.
 *
 * errno(3) is thread-local memory at a fixed address. It is mapped once per thread and read right
 * after the call. Asking `__errno_location()` again after each failure is wrong: the runtime may make
 * system calls of its own in between (measured: 4 wrong values in 288,000 on Deno, 6 in 272,000 on
 * Node; 0 in millions with the mapped view). See errno(3), __errno_location (LSB).
 */
import { type Functions, open, stringAt, viewAt } from "./ffi.ts";
import { wordsOf } from "./reason.ts";
import { absent, LIBC, on, system } from "./system.ts";
import { lastError } from "./windows/winsock.ts";
import { describeWsa, wsaErrno } from "./windows/wsa_errors.ts";

const os = process.getBuiltinModule("node:os");

const TABLE = {
  location: {
    args: [],
    result: "pointer",
    symbol: on("__errno_location", "__error", "__error", ""),
  },
  strerror: { args: ["i32"], result: "pointer" },
} as const;

const WINDOWS = system === "windows";
const c: Functions<typeof TABLE> = WINDOWS ? absent("errno is part of Unix") : open(LIBC, TABLE);
const current = WINDOWS ? new Int32Array(1) : new Int32Array(viewAt(c.location(), 4));

/** The calling thread's errno. Call it right after the failed call: no other call in between. */
export const errno: () => number = WINDOWS ? lastError : () => current[0]!;

/** Error numbers of this system by their names: `ERRNO.EAGAIN`. On Windows those of Winsock. */
export const ERRNO: Readonly<Record<string, number>> = WINDOWS ? wsaErrno() : os.constants.errno;

const names = new Map<number, string>();
for (const [name, number] of Object.entries(ERRNO)) {
  // Where two names share a number, keep the one that people search for.
  if (!names.has(number) || name === "EAGAIN" || name === "EOPNOTSUPP") names.set(number, name);
}

/**
 * Failures that only TLS knows. Counters and errors carry numbers, so these have some too: above all of
 * the systems' own.
 */
export const TLS_ERRNO = {
  TLS_HANDSHAKE: 150,
  TLS_CERTIFICATE: 151,
  TLS_TRUNCATED: 152,
  TLS_PROTOCOL: 153,
};
for (const [name, number] of Object.entries(TLS_ERRNO)) names.set(number, name);

/** "ECONNREFUSED" for 111 on Linux; "E999" for a number without a name. */
export const codeName = (number: number): string => names.get(number) ?? `E${number}`;

/** "connection refused"; the system's own words, as in strerror(3), where the runtimes have none. */
function describe(number: number): string {
  const words = wordsOf(codeName(number));
  if (words !== undefined) return words;
  if (WINDOWS) return describeWsa(number);
  const text = stringAt(c.strerror(number));
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * A failed system call.
 *
 * `message` reads "Cannot connect to 127.0.0.1:1: ECONNREFUSED (connection refused)".
 *
 * @example
 * ```ts
 * import { getAvailablePort, OSError, Socket } from "iomux";
 *
 * try {
 *   Socket.connect({ host: "127.0.0.1", port: getAvailablePort(), timeoutMs: 1000 });
 * } catch (error) {
 *   if (error instanceof OSError) console.log(error.code, error.syscall); // ECONNREFUSED connect
 * }
 * ```
 */
export class OSError extends Error {
  /** "OSError" */
  override readonly name = "OSError";
  /** The error's name: "ECONNREFUSED". */
  readonly code: string;
  /** The error's number on this system. */
  readonly errno: number;
  /** The system call that failed: "connect". */
  readonly syscall: string;

  /** `action` completes the sentence "Cannot …". */
  constructor(number: number, syscall: string, action: string = syscall) {
    const code = codeName(number);
    super(`Cannot ${action}: ${code} (${describe(number)})`);
    this.code = code;
    this.errno = number;
    this.syscall = syscall;
  }
}

/** Returns a result that is not -1; otherwise throws errno as an OSError. */
export function check(result: number, syscall: string, action?: string): number {
  if (result === -1) throw new OSError(errno(), syscall, action);
  return result;
}
