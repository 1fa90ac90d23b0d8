// Chapter 7: a client that sends and never reads. Without a bound its answers fill our memory.
// Run: bun examples/tutorial/back_pressure.ts
import {
  DefaultSelector,
  EVENT_READ,
  EVENT_WRITE,
  type Socket,
  socketPair,
} from "../../lib/mod.ts";

const HIGH = 1 << 20; // reading stops here …
const LOW = HIGH / 2; // … and goes on here
const buffer = new Uint8Array(64 * 1024);

/** An echo server for one client, that offers it 32 MiB. Returns the largest queue. */
function serve(bounded: boolean): number {
  const [client, server] = socketPair();
  using selector = new DefaultSelector<Socket>();
  selector.register(server, EVENT_READ, server);
  const queue: Uint8Array[] = [];
  let queued = 0, largest = 0, offered = 0, reading = true;
  const quiet = () => offered >= 32 << 20 || !reading;
  while (!quiet()) {
    offered += Math.max(client.send(buffer), 0); // the client sends, and does not read
    for (const [, events] of selector.select(10)) {
      if (events & EVENT_READ) {
        const count = server.recv(buffer);
        queue.push(buffer.slice(0, count));
        queued += count;
      }
      while (queue.length > 0) {
        const sent = server.send(queue[0]!);
        if (sent <= 0) break; // WOULD_BLOCK: no room at the client
        queued -= sent;
        if (sent < queue[0]!.length) queue[0] = queue[0]!.subarray(sent);
        else queue.shift();
      }
      largest = Math.max(largest, queued);
      if (bounded) reading = reading ? queued < HIGH : queued < LOW;
      const wanted = (reading ? EVENT_READ : 0) | (queued > 0 ? EVENT_WRITE : 0);
      selector.modify(server, wanted, server);
    }
  }
  client.close();
  server.close();
  return largest;
}

const mebibytes = (bytes: number) => Math.round(bytes / (1 << 20));
console.log(`without a bound: ${mebibytes(serve(false))} MiB queued for one client`);
console.log(`with a bound:    ${mebibytes(serve(true))} MiB, and the client has to wait`);
