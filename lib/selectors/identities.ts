/** Which file each number was when it was registered, for the backends that know numbers only. */
import { ERRNO } from "../sys/errno.ts";
import { inodeOf } from "../sys/linux/inode.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { isOpen } from "../sys/posix.ts";
import { socketIdentity } from "../sys/socket/sockets.ts";

/** A socket's cookie; below 0 the inode of anything else. */
function identityOf(fd: number): number {
  const cookie = socketIdentity(fd);
  return cookie === -1 ? -1 - inodeOf(fd) : cookie;
}

/** By descriptor. */
export class Identities {
  readonly #known: number[] = [];

  /** Notes which file has the number now. */
  note(fd: number): void {
    this.#known[fd] = identityOf(fd);
  }

  /** Whether the number is another file's by now, or none's. */
  changed(fd: number): boolean {
    return identityOf(fd) !== this.#known[fd];
  }

  /** @throws OSError as epoll_ctl(2) does for a number that is no file's, or another file's by now */
  check(fd: number): void {
    if (!isOpen(fd)) throw cannotWatch(ERRNO.EBADF!, fd);
    if (this.changed(fd)) throw cannotWatch(ERRNO.ENOENT!, fd);
  }
}
