// Chapter 10: why a selector wants non-blocking sockets, and blocking code wants blocking ones.
// Run: bun examples/tutorial/why_non_blocking.ts
import { DefaultSelector, EVENT_READ, socketPair, WOULD_BLOCK } from "../../lib/mod.ts";

const [client, server] = socketPair();
using selector = new DefaultSelector();
selector.register(server, EVENT_READ);
client.send(new TextEncoder().encode("hello\n"));
console.log(`ready: ${selector.select(1000).length} descriptor`);

// Ready means: one call will not wait. It says nothing of the second call.
const buffer = new Uint8Array(100);
console.log(
  `non-blocking: ${server.recv(buffer)} bytes, then WOULD_BLOCK: ` +
    `${server.recv(buffer) === WOULD_BLOCK}`,
);

// The same on a blocking socket: the second call stands still, and with it the loop.
server.setBlocking(true);
server.setTimeouts({ recvMs: 200 }); // so that this program ends
client.send(new TextEncoder().encode("hello\n"));
console.log(`blocking:     ${server.recv(buffer)} bytes`);
const before = performance.now();
server.recv(buffer);
console.log(`  the next call waited its ${performance.now() - before > 190 ? 200 : "?"} ms`);

// Blocking code is short, because it may wait for what it needs: this is what workers want.
client.send(new TextEncoder().encode("world\n"));
console.log(`a worker reads a line: ${server.readLine()}`);
client.close();
server.close();
