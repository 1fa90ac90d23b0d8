// What netcats are measured against: far_end.ts source|sink|echo [BYTES]. One connection at a time, by
// blocking calls, so that it is never what is slow.
import { Socket } from "../../lib/net/mod.ts";

const [mode, bytes = "0"] = process.argv.slice(2);
const chunk = new Uint8Array(new ArrayBuffer(1 << 20));

using listener = Socket.listen({ host: "127.0.0.1" });
console.log(`listening on 127.0.0.1:${listener.port}`);
listener.setBlocking(true);
for (;;) {
  using connection = listener.accept();
  if (connection === null) continue;
  connection.setBlocking(true);
  connection.setNoDelay(true);
  try {
    serve(connection);
  } catch {
    // The client was ended.
  }
}

function serve(connection: Socket): void {
  if (mode === "source") {
    for (let left = Number(bytes); left > 0;) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      connection.sendAll(part);
      left -= part.length;
    }
    return;
  }
  for (let count; (count = connection.recv(chunk)) > 0;) {
    if (mode === "echo") connection.sendAll(chunk.subarray(0, count));
  }
}
