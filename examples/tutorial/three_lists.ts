// Chapter 3: select(2) with its lists, and a queue of messages for each client.
// Run: bun examples/tutorial/three_lists.ts [PORT]
import { EVENT_READ, EVENT_WRITE, SelectSelector, Socket } from "../../lib/mod.ts";

const server = Socket.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 9303) });
const readers = new Set<Socket>([server]); // who is asked "have you sent anything?"
const writers = new Set<Socket>(); // who is asked "is there room for an answer?"
const queues = new Map<Socket, Uint8Array[]>();
const selector = new SelectSelector<Socket>();
const buffer = new Uint8Array(1024);

function watch(socket: Socket): void {
  const events = (readers.has(socket) ? EVENT_READ : 0) | (writers.has(socket) ? EVENT_WRITE : 0);
  if (events === 0) selector.unregister(socket);
  else if (selector.getMap().has(socket.fileno())) selector.modify(socket, events, socket);
  else selector.register(socket, events, socket);
}

function remove(client: Socket): void {
  for (const list of [readers, writers, queues]) list.delete(client);
  watch(client);
  client.close();
}

function receive(client: Socket): void {
  const count = client.recv(buffer);
  if (count === 0) return remove(client);
  if (count > 0) queues.get(client)!.push(buffer.slice(0, count));
  writers.add(client); // not answered now: only when there is room
}

function answer(client: Socket): void {
  const queue = queues.get(client)!, message = queue.shift();
  if (message === undefined) return void writers.delete(client);
  const sent = client.send(message.map((b) => b >= 97 && b <= 122 ? b - 32 : b));
  if (sent < message.length) queue.unshift(message.subarray(Math.max(sent, 0)));
}

watch(server);
for (;;) {
  const full = !readers.has(server);
  for (const [{ data: socket }, events] of selector.select(full ? 100 : undefined)) {
    try {
      if (socket === server) {
        const client = server.accept();
        if (client !== null) readers.add(client), queues.set(client, []), watch(client);
        continue;
      }
      if (events & EVENT_WRITE) answer(socket);
      if (events & EVENT_READ) receive(socket);
      if (queues.has(socket)) watch(socket);
    } catch {
      if (socket === server) readers.delete(server), watch(server); // EMFILE: the next client waits
      else remove(socket); // the exceptional case: a reset
    }
  }
  if (full) readers.add(server), watch(server);
}
