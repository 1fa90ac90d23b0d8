/** Calls on blocking sockets that signals interrupt: again, but not with all of their time again. */
import { POLLIN, POLLOUT } from "../../sys/constants.ts";
import { ERRNO, errno } from "../../sys/errno.ts";
import { pollFor } from "../../sys/poll.ts";
import { getTimeout } from "../options.ts";

/** What `uninterrupted` returns when the socket's timeout has passed. */
export const TIMED_OUT = -2;

/**
 * Repeats a call for as long as a signal interrupts it. The kernel forgets how much of SO_RCVTIMEO or
 * SO_SNDTIMEO has passed (socket(7)), so signals that come often would make a wait endless: from the
 * first interruption on the rest of the time is watched here.
 */
export function uninterrupted<R>(
  fd: number,
  direction: "recv" | "send",
  call: () => R | -1,
): R | -1 | typeof TIMED_OUT {
  const result = call();
  if (result !== -1 || errno() !== ERRNO.EINTR) return result;
  return resume(fd, direction, call);
}

function resume<R>(
  fd: number,
  direction: "recv" | "send",
  call: () => R | -1,
): R | -1 | typeof TIMED_OUT {
  const timeoutMs = getTimeout(fd, direction);
  const deadline = timeoutMs > 0 ? performance.now() + timeoutMs : Infinity;
  for (;;) {
    if (deadline !== Infinity) {
      const left = Math.max(0, deadline - performance.now());
      const ready = pollFor(fd, direction === "recv" ? POLLIN : POLLOUT, left);
      if (ready === 0) return TIMED_OUT;
      if (ready === -1) continue; // a signal again
    }
    const result = call();
    if (result !== -1 || errno() !== ERRNO.EINTR) return result;
  }
}
