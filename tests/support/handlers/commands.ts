// A blocking handler that does what its peer says, a line a call, for the tests of the handoff.
import {
  type BlockingHandler,
  type HandlerContext,
  type Socket,
  socketPair,
} from "../../../lib/net/mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);
/** Blocks as a computation or a slow system call would. */
const block = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

type Command = (
  socket: Socket,
  argument: number,
  context: HandlerContext,
) => ReturnType<BlockingHandler>;

const COMMANDS: Record<string, Command> = {
  /** Takes so many bytes and sends them back. */
  echo(socket, count) {
    const bytes = socket.recvExactly(count);
    if (bytes) socket.sendAll(bytes);
  },
  block(socket, ms) {
    block(ms);
    socket.sendAll(encode("blocked\n"));
  },
  async wait(socket, ms) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    socket.sendAll(encode("waited\n"));
  },
  who(socket, _, { connection, handoff, worker }) {
    socket.sendAll(encode(`${connection} ${handoff} ${worker}\n`));
  },
  bye(socket) {
    socket.sendAll(encode("bye\n"));
    return "close";
  },
  throw() {
    throw new Error("as it was told to");
  },
  /** Throws what has no text, and what throws when it is asked for it. */
  bare() {
    throw Object.create(null);
  },
  trap() {
    throw Object.defineProperty(new Error(), "message", {
      get() {
        throw 1;
      },
    });
  },
  /** Waits for what does not come, and is content with the end. */
  hang(socket) {
    while (socket.recv(new Uint8Array(16)) > 0);
  },
  /** Sits in a system call that has nothing to do with its connection: Node can't end that thread. */
  stuck() {
    const [socket] = socketPair();
    socket.setBlocking(true);
    socket.recv(new Uint8Array(16));
  },
  spin() {
    for (;;);
  },
  exit() {
    process.exit(7);
  },
  /** Kills its worker when it has answered so many bytes, which may be a part. */
  die(socket, count) {
    socket.sendAll(new Uint8Array(count).fill(97));
    process.exit(7);
  },
  /** Kills its worker later, when nobody is looking. */
  late(socket, ms) {
    setTimeout(() => {
      throw new Error("too late to be caught");
    }, ms);
    socket.sendAll(encode("soon\n"));
  },
  /** Ends the worker while the connection is still there. */
  async crash() {
    setTimeout(() => {
      throw new Error("in the middle");
    });
    await new Promise(() => {});
  },
  closed(socket) {
    socket.sendAll(encode("closed\n"));
    socket.close();
  },
  /** Receives as much as there is, answers with the first so many bytes, and puts the rest back. */
  part(socket, count) {
    const buffer = new Uint8Array(1 << 17);
    const received = socket.recv(buffer);
    socket.sendAll(buffer.subarray(0, Math.min(count, received)));
    if (received > count) socket.unread(buffer.subarray(count, received));
  },
  send(socket, count) {
    socket.sendAll(new Uint8Array(count).fill(97));
  },
};

const handler: BlockingHandler = (socket, context) => {
  const line = socket.readLine();
  if (line === null) return "close";
  const [name = "", argument] = line.split(" ");
  const command = COMMANDS[name];
  if (!command) throw new RangeError(`Unknown command: ${JSON.stringify(line)}`);
  return command(socket, Number(argument ?? 0), context);
};
export default handler;
