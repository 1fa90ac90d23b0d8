// Chapter 2: non-blocking calls by hand. No client holds up another, and the processor never rests.
// Run: bun examples/tutorial/busy.ts [PORT]; it ends when its second client has left.
import { Socket, WOULD_BLOCK } from "../../lib/mod.ts";

const server = Socket.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 9302) });
const clients = new Map<Socket, number>();
const buffer = new Uint8Array(1024);
let inVain = 0, arrived = 0, left = 0;

/** One question to the listener: is anybody there? EMFILE: nobody whom there is room for. */
function next(): Socket | null {
  try {
    return server.accept(); // null at once when nobody is there
  } catch {
    return null;
  }
}

/** One question to one client: have you sent anything? */
function ask(client: Socket, number: number): void {
  try {
    const count = client.recv(buffer); // sockets start non-blocking: returns at once
    if (count === WOULD_BLOCK) {
      inVain++;
      return;
    }
    if (count > 0) {
      console.log(`client ${number} sent ${count} bytes`);
      client.send(buffer, 0, count); // chapter 7 says what is missing here
      return;
    }
  } catch {
    // A reset: the client is gone, and the server goes on.
  }
  console.log(`client ${number} has left`);
  clients.delete(client);
  client.close();
  left++;
}

while (left < 2) {
  const client = next();
  if (client === null) inVain++;
  else {
    clients.set(client, ++arrived);
    console.log(`client ${arrived} is here`);
  }
  for (const [client, number] of clients) ask(client, number);
}
console.log(`asked ${inVain} times in vain, with ${process.cpuUsage().user / 1000} ms of work`);
