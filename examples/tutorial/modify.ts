// Chapter 6: a socket with room can always be written to. Who asks without need gets no rest.
// Run: bun examples/tutorial/modify.ts
import { DefaultSelector, EVENT_READ, EVENT_WRITE, socketPair } from "../../lib/mod.ts";

const [client, server] = socketPair();
using selector = new DefaultSelector();

/** How many of `tries` waits of 20 ms end early. The client says nothing meanwhile. */
function wakeUps(tries: number): number {
  let early = 0;
  for (let i = 0; i < tries; i++) early += selector.select(20).length;
  return early;
}

selector.register(server, EVENT_READ | EVENT_WRITE);
console.log(`READ and WRITE: ${wakeUps(10)} of 10 waits end at once, with nothing to do`);

selector.modify(server, EVENT_READ);
console.log(`READ:           ${wakeUps(10)} of 10`);

// An answer that does not fit: now WRITE is what we wait for.
const answer = new Uint8Array(8 << 20);
let sent = server.send(answer);
selector.modify(server, EVENT_READ | EVENT_WRITE);
console.log(`no room left:   ${wakeUps(10)} of 10`);

const buffer = new Uint8Array(1 << 20);
let received = 0, waits = 0;
while (received < answer.length) {
  received += Math.max(client.recv(buffer), 0); // the client reads
  if (sent < answer.length && selector.select(0).length > 0) {
    waits++;
    sent += Math.max(server.send(answer, sent), 0);
  }
}
selector.modify(server, EVENT_READ); // the queue is empty: the interest ends
console.log(`sent ${sent} bytes in ${waits > 1 ? "several pieces" : "one piece"}`);
console.log(`READ again:     ${wakeUps(10)} of 10`);
client.close();
server.close();
