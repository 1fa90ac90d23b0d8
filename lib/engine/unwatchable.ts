/** Why a descriptor can't be watched, in the terms of a connection's error. */
import { OSError } from "../net/mod.ts";
import { ERRNO } from "../sys/errno.ts";

/** What a selector throws; a descriptor above FD_SETSIZE is one too many, as under a lower limit. */
export function asOSError(error: unknown, selector: string): OSError {
  if (!(error instanceof RangeError)) return error as OSError;
  return new OSError(ERRNO.EMFILE!, selector, error.message.replace(/^Cannot /, ""));
}
