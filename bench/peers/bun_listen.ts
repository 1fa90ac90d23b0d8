// An echo server on Bun's own sockets: bun bun_listen.ts [PORT]
// `write` may take less than all; the rest waits for `drain`, with reading paused meanwhile.
import process from "node:process";

interface BunSocket {
  data: State;
  write(bytes: Uint8Array): number;
  end(): void;
  pause(): void;
  resume(): void;
  setNoDelay(on: boolean): void;
}
interface State {
  queue: Uint8Array | null;
  ended: boolean;
}
/** The part of Bun's types used here, so that this file checks without them too. */
interface BunListen {
  listen(options: {
    hostname: string;
    port: number;
    allowHalfOpen: boolean;
    socket: {
      open(socket: BunSocket): void;
      data(socket: BunSocket, bytes: Uint8Array): void;
      drain(socket: BunSocket): void;
      end(socket: BunSocket): void;
      error(socket: BunSocket): void;
    };
  }): { port: number };
}

const { listen } = (globalThis as unknown as { Bun: BunListen }).Bun;

const server = listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  allowHalfOpen: true, // what is queued goes out after the peer's end
  socket: {
    open(socket) {
      socket.data = { queue: null, ended: false };
      socket.setNoDelay(true);
    },
    data(socket, bytes) {
      const state = socket.data;
      if (state.queue) { // read before the pause took hold
        state.queue = joined(state.queue, bytes);
        return;
      }
      const sent = socket.write(bytes);
      if (sent === bytes.length) return;
      state.queue = bytes.slice(Math.max(sent, 0));
      socket.pause();
    },
    drain(socket) {
      const state = socket.data;
      if (!state.queue) return;
      const sent = Math.max(socket.write(state.queue), 0);
      if (sent < state.queue.length) {
        state.queue = state.queue.subarray(sent);
        return;
      }
      state.queue = null;
      if (state.ended) socket.end();
      else socket.resume();
    },
    end(socket) {
      socket.data.ended = true;
      if (!socket.data.queue) socket.end();
    },
    error() {},
  },
});
console.log(`listening on 127.0.0.1:${server.port}`);

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
