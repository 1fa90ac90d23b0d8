/** What the selector watches of a descriptor, and why it can't, in the terms of a connection's error. */
import { OSError } from "../../net/mod.ts";
import type { FileObject, Selector, WatchOptions } from "../../selectors/mod.ts";
import { ERRNO } from "../../sys/errno.ts";

/** Brings it from events that are watched (0: none) to others; returns why that failed, if it did. */
export function changeInterest<T>(
  poller: Selector<T>,
  fileobj: FileObject,
  from: number,
  to: number,
  data: T,
  options: WatchOptions | undefined,
): OSError | undefined {
  try {
    if (to === 0) poller.unregister(fileobj);
    else if (from === 0) poller.register(fileobj, to, data, options);
    else poller.modify(fileobj, to, data);
  } catch (error) {
    // A descriptor above FD_SETSIZE is one too many, as under a lower limit.
    if (!(error instanceof RangeError)) return error as OSError;
    return new OSError(ERRNO.EMFILE!, poller.name, error.message.replace(/^Cannot /, ""));
  }
}
