// How much of a descriptor's data was used, by the system's own counts: equal while nothing is used, and different
// once it was, though as much waits as before.
import { describe, expect, it } from "bun:test";
import { EVENT_READ, EVENT_WRITE } from "../../lib/selectors/mod.ts";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import { Usage } from "../../lib/sys/usage.ts";
import { system } from "../../lib/sys/system.ts";
import { acceptSoon, encode, openDescriptors, ownership, tcpPair } from "../support/sockets.ts";
import { settles } from "../support/waiting.ts";

const buffer = new Uint8Array(4);
/** What other systems have no counts for is not known there, and never seems unused. */
const known = system === "linux";

describe("Usage", () => {
  const own = ownership();
  const pairs: [kind: string, make: () => [Socket, Socket]][] = [
    ["TCP", () => own(...tcpPair()) as [Socket, Socket]],
    ["a Unix socket", () => own(...socketPair()) as [Socket, Socket]],
  ];

  for (const [kind, make] of pairs) {
    it(`${kind}: differs when four bytes were received and four others wait`, () => {
      const [usage] = own(new OwnedUsage());
      const [reader, writer] = make();
      const waiting = () => settles(() => usage.of(reader.fileno(), EVENT_READ) !== "end", true);
      writer.send(encode("1234"));
      waiting();
      const before = usage.of(reader.fileno(), EVENT_READ);
      expect(usage.of(reader.fileno(), EVENT_READ)).toBe(before);
      expect(reader.recv(buffer)).toBe(4);
      writer.send(encode("5678"));
      waiting();
      const after = usage.of(reader.fileno(), EVENT_READ);
      if (known) expect(after).not.toBe(before);
      expect(usage.of(reader.fileno(), EVENT_READ)).toBe(after);
      usage.forget(reader.fileno());
    });

    it(`${kind}: at the end of the stream reading changes nothing`, () => {
      const [usage] = own(new OwnedUsage());
      const [reader, writer] = make();
      writer.close();
      settles(() => reader.recv(buffer), 0);
      const before = usage.of(reader.fileno(), EVENT_READ);
      expect(reader.recv(buffer)).toBe(0);
      expect(usage.of(reader.fileno(), EVENT_READ)).toBe(before);
    });
  }

  it("TCP: differs when something was sent", () => {
    const [usage] = own(new OwnedUsage());
    const [reader, writer] = own(...tcpPair());
    const before = usage.of(writer.fileno(), EVENT_WRITE);
    expect(usage.of(writer.fileno(), EVENT_WRITE)).toBe(before);
    writer.send(encode("1234"));
    settles(() => reader.recv(buffer), 4);
    if (known) expect(usage.of(writer.fileno(), EVENT_WRITE)).not.toBe(before);
  });

  it("a listener: differs when one of several was accepted", () => {
    const [usage] = own(new OwnedUsage());
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const connect = () => own(Socket.connect({ port: listener.port, timeoutMs: 5000 }));
    connect();
    connect();
    const before = usage.of(listener.fileno(), EVENT_READ);
    own(acceptSoon(listener));
    if (known) expect(usage.of(listener.fileno(), EVENT_READ)).not.toBe(before);
  });

  it("counts edges with one descriptor, which forget() and close() give back, and can begin anew", () => {
    const [a, b] = own(...socketPair());
    b.send(encode("x"));
    using first = new OwnedUsage(); // what the runtime opens with the first calls is not ours
    first.of(a.fileno(), EVENT_READ);
    first.forget(a.fileno());
    const before = openDescriptors();
    const usage = new Usage();
    for (const end of [() => usage.forget(a.fileno()), () => usage.close()]) {
      usage.of(a.fileno(), EVENT_READ);
      if (known) expect(openDescriptors()).toBe(before + 1);
      end();
      expect(openDescriptors()).toBe(before);
    }
  });
});

/** For `own`, which closes what it is given. */
class OwnedUsage extends Usage {
  [Symbol.dispose](): void {
    this.close();
  }
}
