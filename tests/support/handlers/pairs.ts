// Answers two lines with both: between them it waits in a blocking read.
import type { BlockingHandler } from "../../../lib/mod.ts";

const handler: BlockingHandler = (socket) => {
  const first = socket.readLine();
  if (first === null) return "close";
  socket.sendAll(new TextEncoder().encode(`${first}:${socket.readLine()}\n`));
};

export default handler;
