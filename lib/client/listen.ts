/** Waiting for somebody to connect. */
import { type ListenOptions, Socket } from "../net/mod.ts";
import { EVENT_READ } from "../selectors/mod.ts";
import { identityOf, removeSocketFile } from "../sys/stdio/file.ts";
import type { Loop } from "./loop.ts";

/** No more than the one who is talked to, and the next one: others are told at once that it is busy. */
const BACKLOG = 1;

/** A listening socket that gives one connection after the other. */
export class Listener implements Disposable {
  readonly #socket: Socket;
  readonly #loop: Loop;
  /** The file of a Unix socket, and how to know it again. */
  #file: { readonly path: string; readonly id: string | undefined } | undefined;

  /** @throws OSError EADDRINUSE and others */
  constructor(where: ListenOptions, loop: Loop) {
    this.#socket = Socket.listen({ ...where, backlog: BACKLOG });
    this.#loop = loop;
    const { path } = where;
    if (path !== undefined && !path.startsWith("@")) this.#file = { path, id: identityOf(path) };
  }

  get address(): Socket["localAddress"] {
    return this.#socket.localAddress;
  }

  /** The next connection. @throws OSError; the signal's reason */
  async accept(stop: AbortSignal): Promise<Socket> {
    for (;;) {
      stop.throwIfAborted();
      const accepted = this.#socket.accept();
      if (accepted) return accepted;
      this.#loop.watch(this.#socket.fileno(), EVENT_READ, () => {});
      await this.#loop.turn();
      this.#loop.forget(this.#socket.fileno());
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    const file = this.#file;
    this.#file = undefined;
    if (file) removeSocketFile(file.path, file.id);
  }
}
