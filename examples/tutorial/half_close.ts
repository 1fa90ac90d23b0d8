// Chapter 8: the end of a client's requests is not the end of its connection.
// Run: bun examples/tutorial/half_close.ts
import { type Socket, socketPair, WOULD_BLOCK } from "../../lib/mod.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** What a client receives that sends a request, and ends its half at once. */
function ask(server: (connection: Socket) => void): string {
  const [client, connection] = socketPair();
  client.send(new TextEncoder().encode("what is the answer?"));
  client.shutdown("write"); // no more requests: the server reads 0 after the last byte
  server(connection);
  const buffer = new Uint8Array(100);
  const count = client.recv(buffer);
  client.close();
  return count > 0 ? text(buffer.subarray(0, count)) : "(nothing)";
}

/** Reads to the end, and takes the end for a hang-up. */
function hasty(connection: Socket): void {
  const buffer = new Uint8Array(100);
  while (connection.recv(buffer) > 0);
  connection.close();
}

/** Reads to the end, answers, and only then ends its own half. */
function patient(connection: Socket): void {
  const buffer = new Uint8Array(100);
  let request = "";
  for (let count = connection.recv(buffer); count !== 0; count = connection.recv(buffer)) {
    if (count !== WOULD_BLOCK) request += text(buffer.subarray(0, count));
  }
  connection.send(new TextEncoder().encode(`${request} 42`));
  connection.shutdown("write");
  connection.close();
}

console.log(`a hasty server:   ${ask(hasty)}`);
console.log(`a patient server: ${ask(patient)}`);
