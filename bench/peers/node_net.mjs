// An echo server on node:net: node node_net.mjs [PORT]
import { createServer } from "node:net";
import process from "node:process";

const server = createServer({ noDelay: true }, (socket) => {
  // write() keeps what the kernel does not take; reading rests until that is gone.
  socket.on("data", (bytes) => {
    if (!socket.write(bytes)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => socket.destroy());
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
