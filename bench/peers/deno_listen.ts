// An echo server on Deno's own sockets: deno run --allow-net deno_listen.ts [PORT]
const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0] ?? 0) });
console.log(`listening on 127.0.0.1:${listener.addr.port}`);
for await (const connection of listener) echo(connection);

async function echo(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay();
  const buffer = new Uint8Array(16384);
  try {
    for (let got; (got = await connection.read(buffer)) !== null;) {
      for (let sent = 0; sent < got;) sent += await connection.write(buffer.subarray(sent, got));
    }
  } catch {
    // reset by the peer
  } finally {
    connection.close();
  }
}
