// A handler that starts a program and waits for its end only when that was long ago.
import { spawn } from "node:child_process";
import type { BlockingHandler } from "../../../lib/net/mod.ts";

const handler: BlockingHandler = async (socket) => {
  if (socket.readLine() === null) return "close";
  const child = spawn("sh", ["-c", "exit 7"], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  // The thread is busy, so that nothing in it waits for the child.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
  socket.sendAll(new TextEncoder().encode(`${await ended}\n`));
};
export default handler;
