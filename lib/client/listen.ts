/** Waiting for somebody to connect. */
import { listenOnHost } from "../engine/listen_host.ts";
import { listenOnPath } from "../engine/listen_path.ts";
import { type Address, Socket } from "../net/mod.ts";
import { EVENT_READ } from "../selectors/selector.ts";
import type { Loop } from "./loop.ts";

/** No more than the one who is talked to, and the next one: others are told at once that it is busy. */
const BACKLOG = 1;

export type Place =
  | { readonly host: string; readonly port: number; readonly family?: 4 | 6 }
  | { readonly path: string };

export class Listener implements Disposable {
  readonly #sockets: Socket[];
  readonly #loop: Loop;
  readonly #removeFile: () => void;

  private constructor(sockets: Socket[], loop: Loop, removeFile = () => {}) {
    this.#sockets = sockets;
    this.#loop = loop;
    this.#removeFile = removeFile;
  }

  /**
   * Listens on a path, or on every address of a host; `warn` is given a sentence for each that can't be had.
   *
   * @throws OSError EADDRINUSE and others; ResolveError; the signal's reason
   */
  static async open(
    where: Place,
    warn: (message: string) => void,
    loop: Loop,
    signal: AbortSignal,
  ): Promise<Listener> {
    if ("path" in where) {
      const { socket, removeFile } = listenOnPath(where.path, BACKLOG, warn);
      return new Listener([socket], loop, removeFile);
    }
    const open = (host: string, port: number) => [Socket.listen({ host, port, backlog: BACKLOG })];
    return new Listener((await listenOnHost({ ...where, open, warn, signal })).flat(), loop);
  }

  get addresses(): Address[] {
    return this.#sockets.map((socket) => socket.localAddress);
  }

  /** The next connection. @throws OSError; the signal's reason */
  async accept(stop: AbortSignal): Promise<Socket> {
    for (;;) {
      stop.throwIfAborted();
      for (const socket of this.#sockets) {
        const accepted = socket.accept();
        if (accepted) return accepted;
      }
      for (const socket of this.#sockets) this.#loop.watch(socket.fileno(), EVENT_READ, () => {});
      await this.#loop.turn();
      for (const socket of this.#sockets) this.#loop.forget(socket.fileno());
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
    this.#removeFile(); // once more does nothing
  }
}
