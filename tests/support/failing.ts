// iomux, in which one call of a C function fails (tests/support/programs/failing_once.ts).
import { ERRNO } from "../../lib/sys/errno.ts";
import type { CliOptions } from "./cli.ts";

/** The function, its error, which call of it in a thread of which role, and more options of the command. */
export type FailingCall = readonly [
  call: string,
  error: string,
  nth: number,
  role: "main" | "serve" | "handler" | "metrics" | "load" | "probe",
  args?: string[],
];

/** From the folder of the checkout. A compiled program takes options of Bun from the environment, too. */
const FAILING_ONCE = "./tests/support/programs/failing_once.ts";

export const failing = ([call, error, nth, role]: FailingCall): CliOptions => ({
  env: {
    BUN_OPTIONS: `--preload=${FAILING_ONCE}`,
    FAIL: `${call}:${ERRNO[error]}:${nth}`,
    FAIL_IN: role,
  },
});

export const titleOf = ([call, error, nth, role, args = []]: FailingCall): string =>
  `${call} (${error}), call ${nth} of ${role} ${args.slice(0, 2).join(" ")}`.trim();

/** Why that can't be done here. */
export const NO_FAILING: string | undefined =
  process.versions.bun && process.platform === "linux" && process.arch === "x64"
    ? undefined
    : "it is done through Bun's FFI, with the calls of Linux on x64";
