// Chapter 1: blocking calls and one thread. While it waits for one client, the others wait for it.
// Run: bun examples/tutorial/blocking.ts [PORT]
import { Socket } from "../../lib/mod.ts";

const server = Socket.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 9301) });
server.setBlocking(true);
const buffer = new Uint8Array(1024);

for (let number = 1;; number++) {
  const client = server.accept(); // waits for a client
  if (client === null) continue;
  client.setBlocking(true);
  console.log(`client ${number} is here`);
  try {
    for (;;) {
      const count = client.recv(buffer); // waits for this client, and for no other
      if (count === 0) break; // it has nothing more to say
      console.log(`client ${number} sent ${count} bytes`);
      client.sendAll(buffer.subarray(0, count));
    }
  } catch {
    // A reset: the client is gone, and the server goes on.
  }
  client.close();
  console.log(`client ${number} has left`);
}
