// The textbook select server: what a connection sends is queued, and answered in upper case when it can
// be written to, so that none holds up another. Run: bun examples/select_server.ts [PORT]
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE, SelectSelector, Socket } from "../lib/mod.ts";

const server = Socket.listen({ host: "0.0.0.0", port: Number(process.argv[2] ?? 9999) });
const selector = new SelectSelector<Socket>();
const queues = new Map<Socket, Uint8Array[]>();
const buffer = new Uint8Array(1024);

function accept(): void {
  const connection = server.accept();
  if (connection === null) return;
  try {
    selector.register(connection, EVENT_READ, connection, { priority: true });
    queues.set(connection, []);
  } catch {
    connection.close(); // select has no room for it: FD_SETSIZE
  }
}

function receive(connection: Socket): void {
  const count = connection.recv(buffer);
  if (count === 0) return remove(connection);
  if (count > 0) queues.get(connection)!.push(buffer.slice(0, count));
  selector.modify(connection, EVENT_READ | EVENT_WRITE, connection);
}

function answer(connection: Socket): void {
  const queue = queues.get(connection)!, [message] = queue;
  // An empty queue ends the interest in writing.
  if (message === undefined) return void selector.modify(connection, EVENT_READ, connection);
  const sent = connection.send(message.map((b) => b >= 0x61 && b <= 0x7a ? b - 0x20 : b));
  if (sent === message.length) queue.shift();
  else if (sent > 0) queue[0] = message.subarray(sent);
}

function remove(connection: Socket): void {
  selector.unregister(connection);
  queues.delete(connection);
  connection.close();
}

selector.register(server, EVENT_READ, server);
console.log(`listening on 0.0.0.0:${server.port}`);
for (;;) {
  const full = !selector.getMap().has(server.fileno());
  for (const [{ data: socket }, events] of selector.select(full ? 100 : undefined)) {
    try {
      if (events & EVENT_PRIORITY) throw new Error("exceptional condition: urgent data");
      if (events & EVENT_WRITE) answer(socket);
      if (socket === server) accept();
      else if (events & EVENT_READ) receive(socket);
    } catch {
      if (socket === server) selector.unregister(server); // EMFILE: the next client waits for a while
      else remove(socket); // ECONNRESET, or what is exceptional
    }
  }
  if (full) selector.register(server, EVENT_READ, server);
}
