// A handler that does with its descriptor what it must not, a line a call.
import type { BlockingHandler } from "../../../lib/net/mod.ts";
import { c } from "../../../lib/sys/posix.ts";

const handler: BlockingHandler = (socket) => {
  const line = socket.readLine();
  if (line === null) return "close";
  const encode = (text: string) => new TextEncoder().encode(text);
  if (line === "close") {
    socket.sendAll(encode("closed\n"));
    c.close(socket.fileno());
  } else if (line === "close and end") {
    c.close(socket.fileno());
    process.exit(7);
  } else if (line === "close and throw") {
    c.close(socket.fileno());
    throw new Error("after it was closed");
  } else socket.sendAll(encode(`${line}\n`));
};
export default handler;
