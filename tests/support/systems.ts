// What a system does not have, and tests that need it: they are never left out in silence.
import { it } from "bun:test";
import { open } from "../../lib/sys/ffi.ts";
import { system } from "../../lib/sys/system.ts";
import { atMost } from "./runtime.ts";

export const onWindows: boolean = system === "windows";

const missing = (what: string): string | undefined =>
  onWindows ? `Windows has no ${what}` : undefined;

/** Why a test cannot run here; undefined where it can. */
export const NO_PIPES: string | undefined = missing("readiness of pipes");
export const NO_FILES: string | undefined = missing("numbers that files and sockets share");
export const NO_SIGNALS: string | undefined = missing("signals");
export const NO_UNIX_SOCKETS: string | undefined = onWindows
  ? "Wine 8 has no Unix sockets"
  : undefined;
/** Windows tells of a reset as often as one asks; in Wine 8 recv() may return 0 instead. */
export const NO_RESETS: string | undefined = onWindows
  ? "Wine 8 may take the error for itself"
  : undefined;
export const NO_FULL_BACKLOG: string | undefined = system === "linux"
  ? undefined
  : "only Linux leaves a connect unanswered where the backlog is full";
/** Whether a closed standard stream looks to the program like a /dev/null that was meant. */
export const HIDES_CLOSED: boolean = system !== "linux" ||
  process.versions.bun === undefined && process.env.IOMUX_TEST_PROGRAM === undefined;
export const NO_FCNTL: string | undefined = missing("way to ask for the blocking mode");
export const NO_LIMITS: string | undefined = missing("limit of open files");
export const NO_REUSEPORT: string | undefined = missing("SO_REUSEPORT");
export const NO_CHOICE_OF_NUMBERS: string | undefined = missing("choice of socket numbers");

/** Where qemu-user emulates instructions, and the kernel's calls as far as it knows them. */
export const EMULATED: string | undefined = process.env.IOMUX_TEST_SLOW
  ? "qemu-user emulates this machine"
  : undefined;

/** As `it`, unless there is a reason why the test cannot run: then that is printed. */
export function itUnless(
  reason: string | undefined,
  name: string,
  body: () => void | Promise<void>,
): void {
  if (reason === undefined) return void it(name, body);
  // Skipped for `reason`, which is printed: CI lists it under "not run", with what could not run.
  console.log(`not run: ${name}: ${reason}`);
  it.skip(name, body);
}

/** The longest that the shortest wait takes: Windows counts in ticks of 15.6 ms, Linux in microseconds. */
export const TICK_MS: number = onWindows ? 32 : atMost(0.6);

/** Whether child processes do not get the handle (GetHandleInformation). Windows only. */
export function isNotInherited(handle: number): boolean {
  const c = open(["kernel32.dll"], {
    GetHandleInformation: { args: ["i32", "buffer"], result: "i32" },
  });
  const flags = new Int32Array(new ArrayBuffer(8)).fill(-1);
  c.GetHandleInformation(handle, new Uint8Array(flags.buffer));
  return (flags[0]! & 1) === 0;
}

/** How many handles the process has (GetProcessHandleCount). Windows only. */
export function handleCount(): number {
  const c = open(["kernel32.dll"], {
    GetCurrentProcess: { args: [], result: "u64" },
    GetProcessHandleCount: { args: ["u64", "buffer"], result: "i32" },
  });
  const count = new Int32Array(new ArrayBuffer(8));
  c.GetProcessHandleCount(c.GetCurrentProcess(), new Uint8Array(count.buffer));
  return count[0]!;
}
