/** Sockets that a service manager has opened and hands over: sd_listen_fds(3). */
import { ERRNO, OSError } from "../sys/errno.ts";
import { isOpen, setCloseOnExec, setNonBlocking } from "../sys/posix.ts";
import { isListening } from "../sys/socket/option.ts";

/** The first descriptor that is handed over (SD_LISTEN_FDS_START). */
const FIRST = 3;
const VARIABLES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/**
 * The listening descriptors that are meant for this process, ready to be used; none when LISTEN_PID
 * names another. The variables are removed, so that no child takes itself for the one that is meant.
 *
 * @throws OSError when one of them is no listening socket
 */
export function takeListeners(
  env: Record<string, string | undefined> = process.env,
  pid: number = process.pid,
): number[] {
  const meant = env["LISTEN_PID"] === String(pid);
  const count = meant && /^\d{1,4}$/.test(env["LISTEN_FDS"] ?? "") ? Number(env["LISTEN_FDS"]) : 0;
  if (meant) { for (const name of VARIABLES) delete env[name]; }
  return Array.from({ length: count }, (_, i) => prepare(FIRST + i));
}

function prepare(fd: number): number {
  if (!isListening(fd)) {
    const what = `listen on descriptor ${fd} of LISTEN_FDS, which is no listening socket`;
    throw new OSError(isOpen(fd) ? ERRNO.EINVAL! : ERRNO.EBADF!, "listen", what);
  }
  setNonBlocking(fd, true);
  setCloseOnExec(fd);
  return fd;
}
