// Blocking sockets on the main thread during a storm of SIGALRM: nothing is lost, and times are kept. A
// Worker plays the peer. Prints a line of JSON with what happened.
import { writeSync } from "node:fs";
import { once } from "node:events";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { DatagramSocket, Socket, socketPair } from "../../../lib/net/mod.ts";
import { rest, Storm } from "../storm.ts";

const BYTES = 3 << 20;
const TIMEOUT_MS = 300;
type Task = { send: number } | { receive: number } | { connect: number } | { byteAfter: number };

/** A stream whose every byte is known: what stands at a place tells that place. */
const pattern = (from: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  for (let i = 0; i < length; i++) bytes[i] = ((from + i) * 2654435761) >>> 24;
  return bytes;
};
const right = (bytes: Uint8Array | null) =>
  bytes !== null && Buffer.compare(bytes, pattern(0, BYTES)) === 0;

function peer() {
  const still = new Int32Array(new SharedArrayBuffer(4));
  const pause = (ms: number) => void Atomics.wait(still, 0, 0, ms);
  const perform = (task: Task): unknown => {
    if ("send" in task) {
      const socket = Socket.fromFd(task.send);
      for (let at = 0, chunk = 0; at < BYTES; at += chunk) {
        chunk = Math.min(40_000, BYTES - at);
        socket.sendAll(pattern(at, chunk));
        pause(3);
      }
    } else if ("receive" in task) {
      pause(100); // so that the sender has to wait
      return right(Socket.fromFd(task.receive).recvExactly(BYTES));
    } else if ("connect" in task) {
      pause(150);
      const socket = Socket.connect({ port: task.connect, timeoutMs: 1000 });
      socket.setBlocking(true);
      socket.sendAll(pattern(0, 4));
      socket.close();
    } else {
      pause(1500); // ends what did not end by itself
      Socket.fromFd(task.byteAfter).send(pattern(0, 1));
    }
  };
  parentPort!.on("message", (task: Task) => parentPort!.postMessage(perform(task)));
  parentPort!.postMessage("started");
}

async function main() {
  const worker = new Worker(new URL(import.meta.url));
  await once(worker, "message");
  const [a, b] = socketPair();
  a.setBlocking(true);
  b.setBlocking(true);
  const later = (task: Task) => {
    const done = once(worker, "message").then(([result]) => result);
    worker.postMessage(task);
    return done;
  };
  const elapsed = (start: number) => Math.round(performance.now() - start);
  const outcome = (action: () => unknown) => {
    const start = performance.now();
    try {
      return { result: typeof action(), ms: elapsed(start) };
    } catch (error) {
      return { code: (error as { code: string }).code, ms: elapsed(start) };
    }
  };

  const storm = await Storm.start(5);
  let done = later({ send: b.fileno() });
  const received = right(a.recvExactly(BYTES));
  await done;

  done = later({ receive: b.fileno() });
  a.sendAll(pattern(0, BYTES));
  const sent = await done;

  using listener = Socket.listen({ host: "127.0.0.1", backlog: 0 });
  listener.setBlocking(true);
  const { port } = listener.localAddress as { port: number };
  done = later({ connect: port });
  const accepted = listener.accept();
  accepted?.setBlocking(true);
  const greeting = accepted?.recvExactly(4)?.length ?? 0;
  await done;

  // A full backlog: the attempt neither succeeds nor fails.
  const filling = [1, 2, 3].map(() => Socket.connect({ port }));
  const connect = outcome(() => Socket.connect({ port, timeoutMs: TIMEOUT_MS }));
  for (const socket of filling) socket.close();

  a.setTimeouts({ recvMs: TIMEOUT_MS });
  done = later({ byteAfter: b.fileno() });
  const recv = outcome(() => a.recvExactly(1));
  await done;

  using receiver = DatagramSocket.bind({ host: "127.0.0.1" });
  receiver.setBlocking(true);
  receiver.setTimeouts({ recvMs: TIMEOUT_MS });
  done = later({ byteAfter: DatagramSocket.connect({ port: receiver.port }).detach() });
  const recvFrom = outcome(() => {
    const datagram = receiver.recvFrom(new Uint8Array(8));
    if (datagram === null) throw Object.assign(new Error(), { code: "ETIMEDOUT" });
  });
  storm.stop();
  await done;
  await rest(50);
  const handled = storm.handled();
  const seen = { received, sent, greeting, connect, recv, recvFrom, handled };
  writeSync(1, `${JSON.stringify(seen)}\n`);
  process.exit(0);
}

if (isMainThread) await main();
else peer();
