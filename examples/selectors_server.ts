// The echo server of Python's `selectors` documentation: the best selector that the system has, and
// each registration carries its callback as data. Run: bun examples/selectors_server.ts [PORT]
import { DefaultSelector, EVENT_READ, EVENT_WRITE, formatAddress, Socket } from "../lib/mod.ts";

const server = Socket.listen({
  host: "0.0.0.0",
  port: Number(process.argv[2] ?? 9999),
  backlog: 10_000,
});
const selector = new DefaultSelector<(events: number) => void>();
const buffer = new Uint8Array(64 * 1024);

function accept(): void {
  try {
    for (let socket = server.accept(); socket !== null; socket = server.accept()) {
      selector.register(socket, EVENT_READ, echo(socket));
    }
  } catch {
    selector.unregister(server); // EMFILE: the next client waits for a while
  }
}

/** The callback of one connection, with what could not be sent yet. */
function echo(socket: Socket): (events: number) => void {
  let unsent: Uint8Array = new Uint8Array(0);
  return function step(): void {
    try {
      if (unsent.length === 0) {
        const count = socket.recv(buffer);
        if (count === 0) return close(socket);
        if (count > 0) unsent = buffer.slice(0, count);
      }
      if (unsent.length > 0) unsent = unsent.subarray(Math.max(socket.send(unsent), 0));
      // A slow reader is not read from until it has taken its last answer.
      selector.modify(socket, unsent.length > 0 ? EVENT_WRITE : EVENT_READ, step);
    } catch {
      close(socket); // reset by the peer
    }
  };
}

function close(socket: Socket): void {
  selector.unregister(socket);
  socket.close();
}

selector.register(server, EVENT_READ, accept);
console.log(`listening on ${formatAddress(server.localAddress)}`);
for (;;) {
  const full = !selector.getMap().has(server.fileno());
  selector.dispatch(full ? 100 : undefined, (key, events) => key.data(events));
  if (full) selector.register(server, EVENT_READ, accept);
}
