// Failing system calls with different errors in turn, while garbage is being made.
import { AF_INET } from "../../lib/sys/constants.ts";
import { ERRNO, errno } from "../../lib/sys/errno.ts";
import { NULL } from "../../lib/sys/ffi.ts";
import { eventfd } from "../../lib/sys/linux/epoll.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";
import { newSocket } from "../../lib/sys/socket/sockets.ts";
import { onWindows } from "../support/systems.ts";

/** How many of `calls` failing calls left another errno behind than they had to. */
export function countWrongErrnos(calls: number): number {
  const fd = onWindows ? newSocket(AF_INET) : eventfd();
  const failing: [call: () => number, error: number][] = [
    [() => c.close(-1), ERRNO.EBADF!],
    onWindows
      ? [() => c.recv(fd, NULL, 0, 0), ERRNO.ENOTCONN!]
      : [() => c.listen(fd, 1), ERRNO.ENOTSOCK!],
    onWindows
      ? [() => c.listen(fd, 1), ERRNO.EINVAL!]
      : [() => c.fcntl(fd, 9999, 0), ERRNO.EINVAL!],
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
    closeFd(fd);
  }
  return wrong;
}
