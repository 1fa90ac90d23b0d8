// Chapter 10: a blocking handler. Run: iomux serve --handler examples/tutorial/greeter.ts
import type { BlockingHandler } from "../../lib/mod.ts";

const handler: BlockingHandler = (socket) => {
  const name = socket.readLine(); // waits in a worker: the loop goes on meanwhile
  if (name === null) return "close";
  socket.sendAll(new TextEncoder().encode(`hello ${name}\n`));
  // Returning nothing gives the connection back to the selector.
};

export default handler;
