/**
 * Other programs: posix_spawn(3), waitpid(2), and pidfd_open(2), which reports an end.
 *
 * The runtimes' own way needs an event loop, which a thread that waits in a selector does not have, and
 * not all of them pass on a socket as stdin and stdout.
 */
import { ERRNO, errno, OSError } from "../errno.ts";
import { addressOf, type Functions, Native, open, type Signature } from "../ffi.ts";
import { readWhole } from "../linux/files.ts";
import { retry } from "../posix.ts";
import { absent, LIBC, on, system } from "../system.ts";

const TABLE = {
  posix_spawnp: {
    // pid_t *, program, actions, attributes, char *argv[], char *envp[]; returns an error number
    args: ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  posix_spawn_file_actions_init: { args: ["pointer"], result: "i32" },
  posix_spawn_file_actions_destroy: { args: ["pointer"], result: "i32" },
  posix_spawn_file_actions_adddup2: { args: ["pointer", "i32", "i32"], result: "i32" },
  posix_spawnattr_init: { args: ["pointer"], result: "i32" },
  posix_spawnattr_setflags: { args: ["pointer", "i32"], result: "i32" },
  posix_spawnattr_setpgroup: { args: ["pointer", "i32"], result: "i32" },
  posix_spawnattr_setsigdefault: { args: ["pointer", "pointer"], result: "i32" },
  posix_spawnattr_setsigmask: { args: ["pointer", "pointer"], result: "i32" },
  sigfillset: { args: ["pointer"], result: "i32" },
  sigemptyset: { args: ["pointer"], result: "i32" },
  waitpid: { args: ["i32", "pointer", "i32"], result: "i32" }, // pid, status, options
  waitid: { args: ["i32", "i32", "pointer", "i32"], result: "i32" }, // kind of id, id, siginfo_t, options
  kill: { args: ["i32", "i32"], result: "i32" }, //                pid or -group, signal
  pidfd: { args: ["i32", "i32", "i32"], result: "i32", symbol: "syscall" }, // number, pid, flags
} as const satisfies Record<string, Signature>;

const c: Functions<typeof TABLE> = system === "windows" ? absent("posix_spawn") : open(LIBC, TABLE);

/** The child leads a process group of its own, and starts with no signal ignored or blocked. */
const FLAGS: number = on(2 | 4 | 8, 2 | 4 | 8, 2 | 0x10 | 0x20, 0);
const WNOHANG = 1;
const WEXITED: number = on(4, 4, 16, 0);
const WNOWAIT: number = on(0x01000000, 0x20, 8, 0);
/** Only children of the calling thread, of those that Linux counts by thread: waitpid(2). */
const WNOTHREAD = 0x20000000;
const P_PID: number = on(1, 1, 0, 0);
const SYS_PIDFD_OPEN = 434; // the same on every architecture
export const SIGKILL = 9;
export const SIGPIPE = 13;
export const SIGTERM = 15;

// The structs' sizes differ; the largest, glibc's attributes, has 336 bytes.
const actions = new Native(512);
const signals = new Native(256);
const number = new Native(8);
let attributes: Native | undefined;

function attributesOnce(): Native {
  if (attributes) return attributes;
  const made = new Native(512);
  const { pointer } = made;
  c.sigfillset(signals.pointer);
  let error = c.posix_spawnattr_init(pointer) || c.posix_spawnattr_setpgroup(pointer, 0) ||
    c.posix_spawnattr_setsigdefault(pointer, signals.pointer);
  c.sigemptyset(signals.pointer);
  error ||= c.posix_spawnattr_setsigmask(pointer, signals.pointer) ||
    c.posix_spawnattr_setflags(pointer, FLAGS);
  if (error !== 0) throw new OSError(error, "posix_spawnattr", "prepare to start programs");
  return attributes = made;
}

/** Strings, or bytes, as a NULL-terminated array of C strings, alive as long as this object. */
class Strings {
  readonly array: Native;
  readonly first: Native;
  readonly #kept: Native[];

  constructor(strings: readonly (string | Uint8Array)[]) {
    this.#kept = strings.map((string) => {
      const bytes = typeof string === "string" ? new TextEncoder().encode(string) : string;
      const kept = new Native(bytes.length + 1);
      kept.bytes.set(bytes);
      return kept;
    });
    this.array = new Native((strings.length + 1) * 8);
    this.#kept.forEach((kept, i) =>
      this.array.view.setBigUint64(i * 8, BigInt(addressOf(kept.pointer)), true)
    );
    this.first = this.#kept[0]!;
  }
}

const decoder = new TextDecoder();
const EQUALS = "=".charCodeAt(0);

/**
 * This process's environment as "NAME=VALUE", once for a name, in the bytes in which it was given: they
 * need not be UTF-8 (environ(7)). What was removed from process.env since is not in it.
 */
function environmentWithout(names: ReadonlySet<string>): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const given = system === "linux" ? readWhole("/proc/self/environ") : undefined;
  for (let at = 0; given && at < given.length;) {
    const end = given.indexOf(0, at);
    const entry = given.slice(at, end === -1 ? given.length : end);
    at += entry.length + 1;
    const name = decoder.decode(entry.subarray(0, entry.indexOf(EQUALS)));
    // Not all runtimes show what is no UTF-8 in process.env.
    const isKept = decoder.decode(entry).includes("\ufffd") || process.env[name] !== undefined;
    if (isKept && !found.has(name) && entry.includes(EQUALS)) found.set(name, entry);
  }
  for (const [name, value] of Object.entries(process.env)) {
    if (!found.has(name)) found.set(name, new TextEncoder().encode(`${name}=${value}`));
  }
  for (const name of names) found.delete(name);
  return [...found.values()];
}

/** A program and its arguments, prepared to be started often. */
export class Program {
  readonly name: string;
  readonly #arguments: Strings;
  readonly #environment: readonly Uint8Array[];

  /**
   * `command` is the program, found in PATH unless it has a slash, and its arguments. It inherits the
   * environment, but for the variables named in `without`.
   */
  constructor(command: readonly string[], without: readonly string[] = []) {
    this.name = command[0]!;
    this.#arguments = new Strings(command);
    this.#environment = environmentWithout(new Set(without));
  }

  /**
   * Starts it with `fd` as stdin and stdout, and with these variables; stderr is this process's. Returns
   * its process id, which is its process group as well.
   *
   * @throws OSError ENOENT, EACCES, EAGAIN
   */
  start(fd: number, variables: Readonly<Record<string, string>>): number {
    const more = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const environment = new Strings([...this.#environment, ...more]);
    const attributes = attributesOnce();
    let error = c.posix_spawn_file_actions_init(actions.pointer);
    // 2 onto itself: Node makes its own stderr close-on-exec, and this undoes it in the child.
    for (const [from, to] of [[fd, 0], [fd, 1], [2, 2]] as const) {
      error ||= c.posix_spawn_file_actions_adddup2(actions.pointer, from, to);
    }
    error ||= c.posix_spawnp(
      number.pointer,
      this.#arguments.first.pointer,
      actions.pointer,
      attributes.pointer,
      this.#arguments.array.pointer,
      environment.array.pointer,
    );
    c.posix_spawn_file_actions_destroy(actions.pointer);
    if (error !== 0) throw new OSError(error, "posix_spawn", `start ${this.name}`);
    return number.int32[0]!;
  }
}

/** A descriptor that becomes readable when the child has ended; -1 where there is no such thing. */
export const openPidfd = (pid: number): number =>
  system === "linux" ? c.pidfd(SYS_PIDFD_OPEN, pid, 0) : -1;

/**
 * Whether a child has ended. Until `reap` it stays a zombie, and its number is no other process's: so
 * what else is in its process group can be sent a signal.
 */
export function hasEnded(pid: number): boolean {
  signals.int32[0] = 0; // si_signo: stays so while it runs
  const options = WEXITED | WNOHANG | WNOWAIT;
  const result = retry(() => c.waitid(P_PID, pid, signals.pointer, options));
  return result === -1 || signals.int32[0] !== 0; // -1: another thread has waited for it
}

/**
 * Waits for what has ended and has no parent any more: such processes become children of process 1 of
 * their pid namespace, in a container often this one, and of its first thread. So the first thread, which
 * starts no processes itself, takes none away that another thread waits for.
 */
export function reapOrphans(): void {
  while (c.waitpid(-1, number.pointer, WNOHANG | WNOTHREAD) > 0);
}

/** How a child ended: with a code, or by a signal (then the code is -1). */
export interface Ending {
  readonly code: number;
  readonly signal: number;
}

/** Takes note of a child's end; undefined while it runs. */
export function reap(pid: number): Ending | undefined {
  const ended = retry(() => c.waitpid(pid, number.pointer, WNOHANG));
  if (ended === 0) return undefined;
  // Another handler of SIGCHLD was faster: all that is known is that it has ended.
  if (ended === -1 && errno() === ERRNO.ECHILD) return { code: 0, signal: 0 };
  const status = number.int32[0]!;
  const signal = status & 0x7f;
  return { code: signal === 0 ? status >> 8 & 0xff : -1, signal };
}

/** Sends a signal to all processes of a child's group; those that have ended don't mind. */
export const killGroup = (pid: number, signal: number): void => void c.kill(-pid, signal);
