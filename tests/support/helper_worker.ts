// The body of a HelperThread: does one thing after another, each after a pause.
import { parentPort } from "node:worker_threads";
import { wake } from "../../lib/selectors/mod.ts";
import { Socket } from "../../lib/net/mod.ts";
import { c } from "../../lib/sys/posix.ts";
import type { Task } from "./helper_thread.ts";

const still = new Int32Array(new SharedArrayBuffer(4));
const pause = (ms: number) => void Atomics.wait(still, 0, 0, ms);

/** Reads to the end of the stream, slowly at first, and returns how many bytes and their sum. */
function drain(fd: number): { bytes: number; sum: number } {
  const socket = Socket.fromFd(fd); // not closed here: the test owns the descriptor
  const buffer = new Uint8Array(new ArrayBuffer(1 << 16));
  let bytes = 0, sum = 0;
  for (let reads = 0;; reads++) {
    const received = socket.recv(buffer);
    if (received === 0) return { bytes, sum };
    bytes += received;
    for (let i = 0; i < received; i++) sum += buffer[i]!;
    if (reads < 5) pause(10);
  }
}

function perform(task: Task): unknown {
  switch (task.kind) {
    case "wake":
      return wake(task.handle);
    case "write": {
      const bytes = new TextEncoder().encode(task.text);
      return c.writeBytes(task.fd, bytes, bytes.length);
    }
    case "drain":
      return drain(task.fd);
    case "accept":
      return Socket.fromFd(task.fd).accept()?.detach();
  }
}

parentPort!.on("message", (task: Task) => {
  pause(task.afterMs);
  parentPort!.postMessage(perform(task));
});
parentPort!.postMessage("started");
