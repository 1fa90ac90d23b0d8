// Failing system calls with different errors in turn, while garbage is being made.
import { ERRNO, errno } from "../../lib/sys/errno.ts";
import { eventfd } from "../../lib/sys/linux.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";

/** How many of `calls` failing calls left another errno behind than they had to. */
export function countWrongErrnos(calls: number): number {
  const notSocket = eventfd();
  const failing: [call: () => number, error: number][] = [
    [() => c.close(-1), ERRNO.EBADF!],
    [() => c.listen(notSocket, 1), ERRNO.ENOTSOCK!],
    [() => c.fcntl(notSocket, 9999, 0), ERRNO.EINVAL!],
    [() => c.socket(9999, 1, 0), ERRNO.EAFNOSUPPORT!],
  ];
  // Old enough to leave the nursery before they become garbage, large and small ones.
  const garbage: unknown[] = new Array(1024);
  let wrong = 0;
  try {
    for (let i = 0; i < calls; i++) {
      const [call, expected] = failing[i & 3]!;
      if (call() !== -1 || errno() !== expected) wrong++;
      garbage[i & 1023] = { i, text: `garbage ${i}` };
      if ((i & 63) === 0) garbage[(i >> 6) & 1023] = new Uint8Array(new ArrayBuffer(4096));
    }
  } finally {
    closeFd(notSocket);
  }
  return wrong;
}
