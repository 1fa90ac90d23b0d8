// A handler that answers whole lines, and puts back what is none, in its own time. It receives at most 16
// bytes a call, of which the first come from what was put back.
import type { BlockingHandler } from "../../../lib/net/mod.ts";

const handler: BlockingHandler = (socket) => {
  const buffer = new Uint8Array(16);
  let received = socket.recv(buffer);
  if (received === 0) return "close";
  socket.setBlocking(false);
  received += Math.max(0, socket.recv(buffer.subarray(received)));
  socket.setBlocking(true);
  const bytes = buffer.subarray(0, received);
  const end = bytes.indexOf(10) + 1;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  socket.sendAll(bytes.subarray(0, end));
  if (end < received) socket.unread(bytes.subarray(end));
};
export default handler;
