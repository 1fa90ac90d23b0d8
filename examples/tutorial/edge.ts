// Chapter 9: level-triggered says what is; edge-triggered says what has changed.
// Run: bun examples/tutorial/edge.ts
import { createSelector, EVENT_READ, socketPair } from "../../lib/mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const small = new Uint8Array(4);

function watch(edge: boolean): void {
  using selector = createSelector(process.platform === "linux" ? "epoll" : "kqueue");
  const [client, server] = socketPair();
  selector.register(server, EVENT_READ, undefined, { edge });
  client.send(encode("eight by")); // 8 bytes, and we read 4
  console.log(`  8 bytes arrive:  ${selector.select(50).length} event`);
  server.recv(small);
  console.log(`  4 are left:      ${selector.select(50).length} event`);
  client.send(encode("more"));
  console.log(`  4 more arrive:   ${selector.select(50).length} event`);

  // The rule that makes edge-triggered safe: read until there is nothing left (-1), or ever (0).
  let total = 0;
  for (let n = server.recv(small); n > 0; n = server.recv(small)) total += n;
  console.log(`  drained:         ${total} bytes, then ${selector.select(50).length} events`);
  client.close();
  server.close();
}

console.log("level-triggered");
watch(false);
console.log("edge-triggered");
watch(true);
