// Datagrams are watched like streams, but for their ends: there are none.
import { expect, it } from "bun:test";
import { DatagramSocket } from "../../lib/net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../../lib/selectors/mod.ts";
import { encode } from "../support/sockets.ts";
import type { Create } from "./create.ts";

const host = "127.0.0.1";
const buffer = new Uint8Array(64);

export function datagramCases(create: Create): void {
  it("a datagram socket is writable at once, and readable when a datagram has come", () => {
    using selector = create<string>();
    using a = DatagramSocket.bind({ host });
    using b = DatagramSocket.connect({ host, port: a.port });
    selector.register(a, EVENT_READ, "a");
    selector.register(b, EVENT_READ | EVENT_WRITE, "b");
    expect(selector.select(1000).map(([key, events]) => [key.data, events])).toEqual([
      ["b", EVENT_WRITE],
    ]);
    selector.modify(b, EVENT_READ, "b");
    expect(selector.select(0)).toEqual([]);
    b.send(encode("x"));
    expect(selector.select(1000).map(([key]) => key.data)).toEqual(["a"]);
  });

  it("a datagram of no bytes is reported, once received no more, and is no end", () => {
    using selector = create();
    using a = DatagramSocket.bind({ host });
    using b = DatagramSocket.connect({ host, port: a.port });
    selector.register(a, EVENT_READ);
    b.send(new Uint8Array(0));
    expect(selector.select(1000).length).toBe(1);
    expect(a.recvFrom(buffer)!.bytes).toBe(0);
    expect(selector.select(0)).toEqual([]);
    b.send(encode("more"));
    expect(selector.select(1000).length).toBe(1);
    expect(a.recvFrom(buffer)!.bytes).toBe(4);
  });

  it("several datagrams between two waits are one event, until the last is received", () => {
    using selector = create();
    using a = DatagramSocket.bind({ host });
    using b = DatagramSocket.connect({ host, port: a.port });
    selector.register(a, EVENT_READ);
    for (const text of ["1", "2", "3"]) b.send(encode(text));
    for (let left = 3; left > 0; left--) {
      expect(selector.select(1000).length).toBe(1);
      expect(a.recvFrom(buffer)!.bytes).toBe(1);
    }
    expect(selector.select(0)).toEqual([]);
  });

  it("that nobody listens wakes a reader, whom recv then tells ECONNREFUSED", () => {
    if (process.platform === "win32") return console.log("not run: ICMP on Windows: other rules");
    using selector = create();
    const gone = DatagramSocket.bind({ host });
    const { port } = gone;
    gone.close();
    using a = DatagramSocket.connect({ host, port });
    selector.register(a, EVENT_READ);
    a.send(encode("anybody?"));
    expect(selector.select(1000).map(([, events]) => events)).toEqual([EVENT_READ]);
    let code = "";
    try {
      a.recv(buffer);
    } catch (error) {
      code = (error as { code: string }).code;
    }
    expect(code).toBe("ECONNREFUSED");
    expect(selector.select(0)).toEqual([]);
  });
}
