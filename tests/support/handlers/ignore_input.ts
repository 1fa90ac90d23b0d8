// A handler that answers without having received anything.
import type { BlockingHandler } from "../../../lib/net/mod.ts";

const handler: BlockingHandler = (socket) => socket.sendAll(new TextEncoder().encode("hi\n"));
export default handler;
