// The handoff server: workers that want a blocking socket, beside a selector that wants non-blocking
// ones. Run: bun examples/handoff_server.ts [PORT]
import * as threads from "node:worker_threads";
import { createSelector, EVENT_READ, formatAddress, Socket, wake } from "../lib/mod.ts";

/** Blocking code: one call to a connection, which waits for its bytes. False closes it. */
function greet(socket: Socket): boolean {
  const name = socket.readLine();
  if (name !== null) socket.sendAll(new TextEncoder().encode(`hello ${name}\n`));
  return name !== null;
}

function handle(fd: number): void {
  using socket = Socket.fromFd(fd);
  let keep = false;
  try {
    socket.setBlocking(true); // (2)
    keep = greet(socket); // (3)
    socket.setBlocking(false); // (4)
  } catch (error) {
    console.error((error as Error).message); // concerns this connection only
  }
  threads.workerData.results.postMessage(keep ? socket.detach() : -1);
  wake(threads.workerData.handle); // ends the wait, so that the result is seen now
}

if (threads.isMainThread) {
  const server = Socket.listen({ host: "0.0.0.0", port: Number(process.argv[2] ?? 9999) });
  const selector = createSelector<Socket>();
  const workers = Array.from({ length: 4 }, () => {
    const { port1: port, port2: results } = new threads.MessageChannel();
    const workerData = { results, handle: selector.wakeHandle() };
    const options = { workerData, transferList: [results] };
    return { thread: new threads.Worker(new URL(import.meta.url), options), port, busy: false };
  });
  const waiting: Socket[] = []; // ready, but all workers are busy: unread, in order
  const watch = (socket: Socket) => selector.register(socket, EVENT_READ, socket);
  watch(server);
  console.log(`listening on ${formatAddress(server.localAddress)}`);
  for (;;) {
    const full = !selector.getMap().has(server.fileno());
    try {
      for (const [{ data: socket }] of selector.select(full ? 100 : undefined)) {
        if (socket !== server) waiting.push(selector.unregister(socket).data); // (1)
        else for (let next = server.accept(); next; next = server.accept()) watch(next);
      }
    } catch {
      selector.unregister(server); // EMFILE: the next client waits for a while
    }
    if (full) watch(server);
    for (const worker of workers) {
      const result = threads.receiveMessageOnPort(worker.port);
      if (worker.busy && !result) continue;
      if (result && result.message >= 0) watch(Socket.fromFd(result.message)); // (5)
      worker.busy = waiting.length > 0;
      if (worker.busy) worker.thread.postMessage(waiting.shift()!.detach());
    }
  }
} else threads.parentPort!.on("message", handle);
