// A blocking handler that says who its peer is, in an error, and takes what there is.
import { type BlockingHandler, formatAddress } from "../../../lib/net/mod.ts";

const handler: BlockingHandler = (socket) => {
  throw new Error(`it is ${formatAddress(socket.remoteAddress)}`);
};

export default handler;
