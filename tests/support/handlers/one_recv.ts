// A handler that receives once, answers whole lines, and puts back what is none, in its own time.
import type { BlockingHandler } from "../../../lib/net/mod.ts";

const handler: BlockingHandler = (socket) => {
  const buffer = new Uint8Array(64);
  const received = socket.recv(buffer);
  if (received === 0) return "close";
  const bytes = buffer.subarray(0, received);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  if (bytes.includes(10)) socket.sendAll(bytes);
  else socket.unread(bytes);
};
export default handler;
