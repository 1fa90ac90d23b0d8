// A question of the DNS over UDP (RFC 1035), to a responder of our own on the loopback, both in one loop.
// Run: bun examples/dns_query.ts
import { DatagramSocket, DefaultSelector, EVENT_READ } from "../lib/mod.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const buffer = new Uint8Array(512);

/** "Recursion desired", one question, and none of the three other sections. */
const HEADER = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const A_IN = [0, 1, 0, 1];

/** An identity, the header, the name, and what is asked of it. */
function question(id: number, name: string): Uint8Array {
  const labels = name.split(".").flatMap((
    part,
  ) => [part.length, ...new TextEncoder().encode(part)]);
  return Uint8Array.from([id >> 8, id & 255, ...HEADER, ...labels, 0, ...A_IN]);
}

/** The question again, and one answer: the name by its place (0xc00c), 60 s, four bytes. */
function reply(asked: Uint8Array, address: number[]): Uint8Array {
  const bytes = [...asked, 0xc0, 12, ...A_IN, 0, 0, 0, 60, 0, 4, ...address];
  bytes[2] = 0x81; // a response
  bytes[7] = 1; // one answer
  return Uint8Array.from(bytes);
}

/** The name in a question, whose labels begin at byte 12. */
function nameIn(message: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 12; message[at]! > 0; at += message[at]! + 1) {
    labels.push(text(message.subarray(at + 1, at + 1 + message[at]!)));
  }
  return labels.join(".");
}

const zone: Record<string, number[]> = {
  "loop.example": [127, 0, 0, 1],
  "two.example": [127, 0, 0, 2],
};
using responder = DatagramSocket.bind({ host: "127.0.0.1" });
using resolver = DatagramSocket.connect({ host: "127.0.0.1", port: responder.port });
using selector = new DefaultSelector<() => void>();
let waiting = 0;

selector.register(responder, EVENT_READ, () => {
  const asked = responder.recvFrom(buffer);
  if (asked === null || asked.from === undefined || asked.from.family === "unix") return;
  const message = buffer.slice(0, asked.bytes);
  responder.sendTo(reply(message, zone[nameIn(message)] ?? [0, 0, 0, 0]), asked.from);
});
selector.register(resolver, EVENT_READ, () => {
  const count = resolver.recv(buffer);
  if (count < 0) return;
  console.log(`${nameIn(buffer)} is ${buffer.slice(count - 4, count).join(".")}`);
  waiting--;
});

for (const [id, name] of Object.keys(zone).entries()) {
  resolver.send(question(id + 1, name));
  waiting++;
}
while (waiting > 0) selector.dispatch(1000, (key) => key.data());
