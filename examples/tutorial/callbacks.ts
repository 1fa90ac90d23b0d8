// Chapter 5: the best selector of the system, and a callback as the data of each registration.
// Run: bun examples/tutorial/callbacks.ts [PORT]
import { DefaultSelector, EVENT_READ, Socket } from "../../lib/mod.ts";

const server = Socket.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 9305) });
const selector = new DefaultSelector<() => void>();
const buffer = new Uint8Array(64 * 1024);

function accept(): void {
  try {
    const client = server.accept();
    if (client !== null) selector.register(client, EVENT_READ, () => echo(client));
  } catch {
    selector.unregister(server); // EMFILE: the next client waits for a while
  }
}

function echo(client: Socket): void {
  try {
    const count = client.recv(buffer);
    if (count > 0) client.send(buffer, 0, count); // chapter 7 says what is missing here
    if (count !== 0) return;
  } catch {
    // A reset: the client is gone, and the server goes on.
  }
  selector.unregister(client);
  client.close();
}

selector.register(server, EVENT_READ, accept);
for (;;) {
  const full = !selector.getMap().has(server.fileno());
  for (const [key] of selector.select(full ? 100 : undefined)) key.data(); // whoever it belongs to
  if (full) selector.register(server, EVENT_READ, accept);
}
