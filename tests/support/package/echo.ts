// What a user of the package writes: copied into a scratch project, type-checked there and run there.
import * as all from "iomux";
import { availableSelectors, createSelector, EVENT_READ, type Selector } from "iomux/selectors";
import { OSError, Socket } from "iomux/net";

if (all.createSelector !== createSelector || all.Socket !== Socket) {
  throw new Error("the entry points of the package are copies of each other");
}

/** Sends a message through an echo server that waits on the selector, and returns what comes back. */
function echo(selector: Selector<() => void>, message: string): string {
  using server = Socket.listen({ host: "127.0.0.1" });
  const address = server.localAddress;
  if (address.family !== "ipv4") throw new Error(`listening on ${all.formatAddress(address)}`);
  using client = Socket.connect({ host: address.host, port: address.port, timeoutMs: 2000 });
  const buffer = new Uint8Array(1024);
  let reply = "";

  selector.register(server, EVENT_READ, () => {
    const connection = server.accept();
    if (connection === null) return;
    selector.register(connection, EVENT_READ, () => {
      const count = connection.recv(buffer);
      if (count > 0) connection.send(buffer, 0, count);
      else selector.unregister(connection), connection.close();
    });
  });
  selector.register(client, EVENT_READ, () => {
    const count = client.recv(buffer);
    reply += new TextDecoder().decode(buffer.subarray(0, Math.max(count, 0)));
  });

  client.send(new TextEncoder().encode(message));
  while (reply.length < message.length) {
    const ready = selector.select(2000);
    if (ready.length === 0) throw new Error(`nothing is ready on ${selector.name}`);
    for (const [key] of ready) key.data();
  }
  return reply;
}

/** Waits without blocking the thread, which takes another thread of the package's own. */
async function waitAside(selector: Selector<string>): Promise<string> {
  const [a, b] = all.socketPair();
  selector.register(b, EVENT_READ, "told later");
  setTimeout(() => a.close(), 10);
  const [[key] = []] = await selector.selectAsync(2000);
  b.close();
  return key?.data ?? "not told";
}

for (const { name, available } of availableSelectors()) {
  if (!available) continue;
  using selector = createSelector<() => void>(name);
  console.log(name, echo(selector, `hello by ${name}`));
  using other = createSelector<string>(name);
  console.log(name, await waitAside(other));
}

try {
  Socket.fromFd(-1).accept();
} catch (error) {
  if (error instanceof OSError) console.log(error.code);
}
