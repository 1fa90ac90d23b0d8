// How the runtime that runs the tests is started once more, and how fast it is.

/**
 * Its executable. On an emulator, or with a loader of its own, process.execPath is a file that this
 * system can't start by itself; IOMUX_TEST_EXECUTABLE then names a script that can.
 */
export const executable: string = process.env.IOMUX_TEST_EXECUTABLE || process.execPath;

/** What it wants in front of the file that it runs. */
export const runFlags: readonly string[] = process.versions.bun
  ? []
  : process.versions.deno
  ? ["run", "-q", "-P"]
  : ["--no-warnings"];

/** IOMUX_TEST_SLOW: instructions are emulated. What is true of any speed is asserted all the same. */
const slow = Boolean(process.env.IOMUX_TEST_SLOW);

/** An upper bound in milliseconds, or ten times that where everything is slow. */
export const atMost = (ms: number): number => slow ? ms * 10 : ms;

/** IOMUX_TEST_FULL: what is tried at random is tried as often, and for as long, as in `.ci/run`. */
export const full: boolean = Boolean(process.env.IOMUX_TEST_FULL) && !slow;

/** How often, or for how long, something is tried: a tenth of that, but for IOMUX_TEST_FULL. */
export const tries = (count: number): number => full ? count : Math.ceil(count / 10);
