// A handler that never says "close", not even when the peer has ended: the server has to notice.
import type { BlockingHandler } from "../../../lib/net/mod.ts";

const handler: BlockingHandler = (socket) => {
  const buffer = new Uint8Array(1024);
  const received = socket.recv(buffer);
  socket.sendAll(new TextEncoder().encode(received === 0 ? "end" : `${received};`));
};
export default handler;
