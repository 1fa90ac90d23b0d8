// The handoff server: workers that want a blocking socket, beside a selector that wants non-blocking
// ones. Run: bun examples/handoff_server.ts [PORT]
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createSelector, EVENT_READ, formatAddress, Socket, wake } from "../lib/mod.ts";

/** Blocking code: one call to a connection, which waits for its bytes. False closes it. */
function greet(socket: Socket): boolean {
  const name = socket.readLine();
  if (name !== null) socket.sendAll(new TextEncoder().encode(`hello ${name}\n`));
  return name !== null;
}

function runWorker(): void {
  parentPort!.on("message", (fd: number) => {
    using socket = Socket.fromFd(fd);
    let keep = false;
    try {
      socket.setBlocking(true); // (2)
      keep = greet(socket); // (3)
      socket.setBlocking(false); // (4)
    } catch (error) {
      console.error((error as Error).message); // concerns this connection only
    }
    parentPort!.postMessage(keep ? socket.detach() : -1);
    wake(workerData); // ends the selector's wait, so that the message is seen now
  });
}

async function runServer(): Promise<void> {
  const server = Socket.listen({ host: "0.0.0.0", port: Number(process.argv[2] ?? 9999) });
  const selector = createSelector<Socket>();
  const options = { workerData: selector.wakeHandle() };
  const idle = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url), options));
  const waiting: Socket[] = []; // ready, but all workers are busy: unread, in order
  const watch = (socket: Socket) => selector.register(socket, EVENT_READ, socket);
  watch(server);
  console.log(`listening on ${formatAddress(server.localAddress)}`);
  for (;; await new Promise((resolve) => setImmediate(resolve))) { // lets messages and signals in
    while (idle.length > 0 && waiting.length > 0) {
      const worker = idle.shift()!;
      worker.once("message", (fd: number) => {
        idle.push(worker);
        if (fd >= 0) watch(Socket.fromFd(fd)); // (5)
      });
      worker.postMessage(waiting.shift()!.detach());
    }
    for (const [{ data: socket }] of selector.select(100)) {
      if (socket !== server) waiting.push(selector.unregister(socket).data); // (1)
      else for (let next = server.accept(); next; next = server.accept()) watch(next);
    }
  }
}

if (isMainThread) void runServer();
else runWorker();
