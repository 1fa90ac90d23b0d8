/** Which socket each number was when it was registered, for the backends that know numbers only. */
import { socketIdentity } from "../sys/socket/sockets.ts";

/** By descriptor. */
export class Identities {
  readonly #known: number[] = [];

  /** Notes which socket has the number now. */
  note(fd: number): void {
    this.#known[fd] = socketIdentity(fd);
  }

  /** Whether the number is another socket's by now, or nobody's. */
  changed(fd: number): boolean {
    return socketIdentity(fd) !== this.#known[fd];
  }
}
