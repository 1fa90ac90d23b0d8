// A handler that puts everything back until there is a whole line.
import type { BlockingHandler } from "../../../lib/net/mod.ts";

const handler: BlockingHandler = (socket) => {
  const buffer = new Uint8Array(1000);
  // Twice, as what was put back and what is new come one after the other.
  let count = socket.recv(buffer);
  socket.setBlocking(false);
  count += Math.max(0, socket.recv(buffer.subarray(count)));
  socket.setBlocking(true);
  const end = buffer.subarray(0, count).indexOf(10) + 1;
  socket.sendAll(buffer.subarray(0, end));
  if (end < count) socket.unread(buffer.subarray(end, count));
};
export default handler;
