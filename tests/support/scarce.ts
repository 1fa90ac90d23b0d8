// A process that has few descriptors left.
import { Native } from "../../lib/sys/ffi.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";

const RLIMIT_NOFILE = process.platform === "linux" ? 7 : 8;

/** From now on there is room for fewer than `room` descriptors more. */
export function limitDescriptors(room: number): void {
  const next = c.dup(0);
  closeFd(next);
  const limit = new Native(16);
  c.getrlimit(RLIMIT_NOFILE, limit.pointer);
  limit.view.setBigUint64(0, BigInt(next + room), true);
  c.setrlimit(RLIMIT_NOFILE, limit.pointer);
}

/** Takes all descriptors that are free, but so many. */
export function takeDescriptors(free = 0): number[] {
  const taken: number[] = [];
  for (let fd = c.dup(0); fd >= 0; fd = c.dup(0)) taken.push(fd);
  for (let i = 0; i < free; i++) closeFd(taken.pop()!);
  return taken;
}
