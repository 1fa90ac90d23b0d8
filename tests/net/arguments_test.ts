// What callers pass in: buffers of any kind count in bytes, and what is none is a TypeError on every
// runtime, never a silent 0 or a default.
import { describe, expect, it } from "bun:test";
import {
  type ConnectOptions,
  DatagramSocket,
  dial,
  formatAddress,
  getAvailablePort,
  getNetworkAddress,
  type ListenOptions,
  parseHostPort,
  resolveHost,
  Socket,
  socketPair,
} from "../../lib/net/mod.ts";
import { openDescriptors, ownership, receive } from "../support/sockets.ts";
import { NO_UNIX_SOCKETS } from "../support/systems.ts";

const NO_BUFFERS: unknown[] = ["héllo", 16, null, undefined, {}, [1, 2], true, 3n, Symbol("b")];
const NO_OPTIONS: unknown[] = [8080, "127.0.0.1", [8080], null, undefined, true];

describe("buffers", () => {
  const own = ownership();

  it("send() takes views of any element, an ArrayBuffer and a DataView, and counts bytes", () => {
    const [a, b] = own(...socketPair());
    const memory = Uint8Array.from({ length: 16 }, (_, i) => i).buffer;
    const views: [ArrayBufferView | ArrayBuffer, first: number, bytes: number][] = [
      [new Uint16Array(memory, 2, 4), 2, 8],
      [new Float64Array(memory), 0, 16],
      [new DataView(memory, 5, 3), 5, 3],
      [memory, 0, 16],
      [new Uint8Array(memory, 1, 2), 1, 2],
    ];
    for (const [view, first, bytes] of views) {
      expect(a.send(view)).toBe(bytes);
      expect([...receive(b, bytes)]).toEqual([...new Uint8Array(memory, first, bytes)]);
    }
    expect(a.send(new Uint16Array(memory), 3, 5)).toBe(5); // offset and length are bytes, too
    expect([...receive(b, 5)]).toEqual([3, 4, 5, 6, 7]);
  });

  it("recv() fills views of any element", () => {
    const [a, b] = own(...socketPair());
    const memory = new ArrayBuffer(8);
    for (const view of [memory, new Uint16Array(memory), new DataView(memory)]) {
      a.send(Uint8Array.of(1, 2, 3));
      expect(b.recv(view)).toBe(3);
      expect([...new Uint8Array(memory, 0, 4)]).toEqual([1, 2, 3, 0]);
      new Uint8Array(memory).fill(0);
    }
  });

  it("memory that was given to another thread is a TypeError, not an empty buffer", () => {
    const [a, b] = own(...socketPair());
    const [from] = own(DatagramSocket.bind({ host: "127.0.0.1" }));
    const gone = (make: (memory: ArrayBuffer) => ArrayBufferView | ArrayBuffer) => {
      const memory = new ArrayBuffer(8);
      const buffer = make(memory);
      structuredClone(memory, { transfer: [memory] });
      return buffer;
    };
    const detached = [
      gone((memory) => memory),
      gone((memory) => new Uint8Array(memory)),
      gone((memory) => new Uint16Array(memory, 2)),
      gone((memory) => new DataView(memory)),
    ];
    const words = /^Invalid buffer: it is detached/;
    for (const buffer of detached) {
      for (const call of ["recv", "send", "sendAll", "unread"] as const) {
        expect(() => a[call](buffer)).toThrow(TypeError);
        expect(() => a[call](buffer)).toThrow(words);
      }
      expect(() => from.recv(buffer)).toThrow(words);
      expect(() => from.recvFrom(buffer)).toThrow(words);
      expect(() => from.send(buffer)).toThrow(words);
      expect(() => from.sendTo(buffer, { port: from.port })).toThrow(words);
    }
    expect(a.send(new Uint8Array(0))).toBe(0); // empty, and meant so
    expect(b.recv(new Uint8Array(8))).toBe(-1);
  });

  it("anything else is a TypeError in every call, and nothing is sent", () => {
    const [a, b] = own(...socketPair());
    for (const buffer of NO_BUFFERS as Uint8Array[]) {
      for (const call of ["recv", "send", "sendAll", "unread"] as const) {
        expect(() => a[call](buffer)).toThrow(TypeError);
      }
    }
    expect(b.recv(new Uint8Array(8))).toBe(-1);
  });
});

describe("offsets and lengths", () => {
  const own = ownership();

  it("-0 is 0; what is no number is a TypeError, what is not inside a RangeError, and nothing is sent", () => {
    const [a, b] = own(...socketPair());
    const bytes = Uint8Array.of(1, 2, 3);
    const send = a.send.bind(a) as (...args: unknown[]) => number;
    expect(send(bytes, -0, -0)).toBe(0);
    expect(send(bytes, -0, 2)).toBe(2);
    expect([...receive(b, 2)]).toEqual([1, 2]);
    expect(send(bytes, 3)).toBe(0); // nothing is left behind the end
    for (const value of ["1", null, true, {}, 1n, Symbol("s")]) {
      expect(() => send(bytes, value)).toThrow(/^Invalid offset: /);
      expect(() => send(bytes, value)).toThrow(TypeError);
      expect(() => send(bytes, 0, value)).toThrow(/^Invalid length: /);
      expect(() => send(bytes, 0, value)).toThrow(TypeError);
    }
    for (const value of [0.5, -1, 4, NaN, Infinity, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 32)]) {
      expect(() => send(bytes, value)).toThrow(/^Invalid offset .*: use an integer from 0 to 3$/);
      expect(() => send(bytes, 0, value)).toThrow(
        /^Invalid length .*: use an integer from 0 to 3$/,
      );
      expect(() => send(bytes, 3, value)).toThrow(RangeError);
    }
    expect(b.recv(new Uint8Array(8))).toBe(-1);
  });

  it("of recvExactly, readLine, unread: the same", () => {
    const [a, b] = own(...socketPair());
    expect([...a.recvExactly(-0)!]).toEqual([]);
    for (const value of ["1", null, true, {}]) {
      expect(() => a.recvExactly(value as number)).toThrow(/^Invalid length: /);
      expect(() => a.readLine(value as number)).toThrow(/^Invalid longest line: /);
    }
    for (const value of [-1, NaN]) {
      expect(() => a.recvExactly(value)).toThrow(RangeError);
      expect(() => a.readLine(value)).toThrow(RangeError);
    }
    b.send(new TextEncoder().encode("line\n"));
    expect(a.readLine(Infinity)).toBe("line");
  });
});

describe("options", () => {
  it("that are no object are a TypeError, and no descriptor is left", async () => {
    const before = openDescriptors();
    for (const options of NO_OPTIONS) {
      expect(() => Socket.listen(options as ListenOptions)).toThrow(TypeError);
      expect(() => Socket.connect(options as ConnectOptions)).toThrow(TypeError);
      const dialled = dial(options as ConnectOptions);
      expect(await dialled.then(() => undefined, (error) => error instanceof TypeError)).toBe(true);
    }
    expect(openDescriptors()).toBe(before);
  });

  it("of the wrong kind are a TypeError, out of range a RangeError, and no descriptor is left", () => {
    const before = openDescriptors();
    const bad: [options: object, error: typeof TypeError | typeof RangeError][] = [
      [{ port: "80" }, TypeError],
      [{ port: 65536 }, RangeError],
      [{ port: -1 }, RangeError],
      [{ port: 1.5 }, RangeError],
      [{ host: 127 }, TypeError],
      [{ host: "no.such.host" }, RangeError],
      [{ host: "" }, RangeError],
      [{ path: 7 }, TypeError],
      // Of a slip of the pen the default would be a random port.
      [{ prot: 80 }, TypeError],
      [{ host: "127.0.0.1", ports: 80 }, TypeError],
    ];
    if (NO_UNIX_SOCKETS === undefined) {
      for (const path of ["", "a\0b", "p".repeat(200)]) bad.push([{ path }, RangeError]);
    }
    for (const [options, error] of bad) {
      expect(() => Socket.listen(options)).toThrow(error);
      expect(() => Socket.connect(options)).toThrow(error);
    }
    for (const backlog of [-1, 1.5, NaN, 2 ** 31]) {
      expect(() => Socket.listen({ backlog })).toThrow(RangeError);
    }
    for (const value of ["yes", 1, null] as unknown as boolean[]) {
      expect(() => Socket.listen({ reusePort: value })).toThrow(/^Invalid reusePort: /);
      expect(() => Socket.listen({ v6Only: value })).toThrow(TypeError);
    }
    for (const timeoutMs of [-1, NaN]) {
      expect(() => Socket.connect({ port: 1, timeoutMs })).toThrow(RangeError);
    }
    for (const bind of [80, null, { host: 5 }, { hots: "127.0.0.1" }, {}] as never[]) {
      expect(() => Socket.connect({ port: 1, bind })).toThrow(TypeError);
    }
    for (const both of [{ path: "@x", host: "127.0.0.1" }, { path: "@x", port: 0 }]) {
      const message = 'Cannot use "path" together with "host" or "port"';
      expect(() => Socket.listen(both)).toThrow(message);
      expect(() => Socket.connect(both)).toThrow(RangeError);
      expect(() => DatagramSocket.bind(both)).toThrow(message);
      expect(() => DatagramSocket.connect(both)).toThrow(message);
    }
    expect(() => Socket.listen({ prot: 80 } as ListenOptions)).toThrow(
      'Unknown option "prot"; there are host, port, path, family, backlog, reusePort, v6Only',
    );
    expect(openDescriptors()).toBe(before);
  });

  it("of an open socket: TypeError and RangeError, and it goes on", () => {
    const [a, b] = socketPair();
    expect(() => a.setTimeouts(5 as unknown as object)).toThrow(TypeError);
    expect(() => a.setTimeouts({ recvMs: -1 })).toThrow(RangeError);
    expect(() => a.setTimeouts({ recv: 1 } as object)).toThrow(/^Unknown option "recv"/);
    expect(() => a.setBuffers({ send: 1 } as object)).toThrow(/^Unknown option "send"/);
    for (const value of ["yes", 0, 1, null, undefined, {}] as unknown as boolean[]) {
      expect(() => a.setBlocking(value)).toThrow(
        /^Invalid value of setBlocking: .*use true or false/,
      );
      expect(() => a.setNoDelay(value)).toThrow(TypeError);
      expect(() => a.setKeepAlive(value)).toThrow(TypeError);
    }
    expect(a.recv(new Uint8Array(1))).toBe(-1); // it does not block, as before
    expect(() => a.setBuffers({ sendBytes: 1.5 })).toThrow(RangeError);
    expect(() => a.setLinger(-1)).toThrow(RangeError);
    expect(() => a.setLinger("1" as unknown as number)).toThrow(TypeError);
    expect(() => a.shutdown("sideways" as "read")).toThrow(
      'Invalid direction "sideways": use read or write or both',
    );
    expect(() => a.shutdown("constructor" as "read")).toThrow(RangeError);
    expect(() => a.shutdown(2 as never)).toThrow(TypeError);
    expect(() => a.recvExactly(-1)).toThrow(RangeError);
    for (const fd of ["3", {}, null]) {
      expect(() => Socket.fromFd(fd as unknown as number)).toThrow(TypeError);
    }
    for (const peer of ["127.0.0.1:1", 5, {}, null, { family: "ipv4", host: "::1" }] as never[]) {
      expect(() => Socket.fromFd(-1, peer)).toThrow(TypeError);
    }
    for (const fd of [1.5, -2, 2 ** 31]) expect(() => Socket.fromFd(fd)).toThrow(RangeError);
    expect(a.send(Uint8Array.of(1))).toBe(1);
    a.close();
    b.close();
  });
});

describe("functions", () => {
  const own = ownership();

  it("of addresses and hosts: TypeError for another kind of value, RangeError for no such value", async () => {
    for (const value of [5, null, undefined, {}, Symbol("s")] as unknown as string[]) {
      expect(() => parseHostPort(value)).toThrow(/^Invalid address: /);
      expect(await failure(resolveHost(value))).toMatch(/^TypeError: Invalid host: /);
      expect(() => formatAddress(value as never)).toThrow(TypeError);
      if (value !== undefined) {
        expect(() => getNetworkAddress(value as never)).toThrow(/^Invalid family: /);
        expect(await failure(resolveHost("127.0.0.1", value as never))).toMatch(/^TypeError: /);
      }
    }
    expect(() => getNetworkAddress("ipv4" as never)).toThrow(RangeError);
    for (
      const options of [5, null, { port: 80 }, { preferredPort: "80" }, {
        preferredPort: null,
      }] as never[]
    ) {
      expect(() => getAvailablePort(options)).toThrow(TypeError);
    }
    for (const options of [{ signal: 5 }, { prot: 1 }, { family: "ipv4" }, { timeoutMs: "1" }]) {
      expect(await failure(dial({ port: 1, ...options } as never))).toMatch(/^TypeError: /);
    }
    expect(await failure(dial({ port: 1 }, 5 as never))).toMatch(/^TypeError: Invalid wait: /);
  });

  it("zones: none of IPv4, none that is empty or beyond 32 bits, in any call and without a query", async () => {
    const [from] = own(DatagramSocket.bind({ host: "127.0.0.1" }));
    for (const host of ["127.0.0.1%lo", "127.0.0.1%", "::1%", "::1%4294967296", "1%lo"]) {
      const words = `Invalid IP address "${host}"`;
      expect(() => own(Socket.listen({ host }))).toThrow(words);
      expect(() => own(Socket.connect({ host, port: 1 }))).toThrow(words);
      expect(() => own(DatagramSocket.bind({ host }))).toThrow(words);
      expect(() => from.sendTo(new Uint8Array(1), { host, port: 1 })).toThrow(words);
      const code = await resolveHost(host).then(() => "found", (error) => error.code);
      expect(code).toBe("ENOTFOUND");
    }
    expect(await resolveHost("::1%4294967295")).toEqual(["::1%4294967295"]);
  });

  it("take an address that a socket gave as options", () => {
    using server = Socket.listen({ host: "127.0.0.1" });
    using client = Socket.connect(server.localAddress as { host: string; port: number });
    using datagrams = DatagramSocket.bind({ host: "127.0.0.1" });
    expect(datagrams.sendTo(new Uint8Array(1), datagrams.localAddress)).toBe(1);
    expect(formatAddress(client.remoteAddress)).toBe(formatAddress(server.localAddress));
  });
});

/** What a promise is rejected with, as text. */
const failure = (promise: Promise<unknown>) => promise.then(() => "none", String);

describe("datagrams", () => {
  const own = ownership();
  const pair = () => {
    const [a] = own(DatagramSocket.bind({ host: "127.0.0.1" }));
    return [a, ...own(DatagramSocket.connect({ host: "127.0.0.1", port: a!.port }))] as const;
  };

  it("are sent from, and received into, views of any element", () => {
    const [a, b] = pair();
    const to = { host: "127.0.0.1", port: a.port };
    const memory = Uint8Array.from({ length: 8 }, (_, i) => i).buffer;
    expect(b.send(new Uint16Array(memory, 2, 2))).toBe(4);
    expect(b.sendTo(new DataView(memory, 5, 3), to)).toBe(3);
    a.setBlocking(true);
    a.setTimeouts({ recvMs: 5000 });
    const into = new ArrayBuffer(8);
    expect(a.recv(into)).toBe(4);
    expect([...new Uint8Array(into, 0, 4)]).toEqual([2, 3, 4, 5]);
    expect(a.recvFrom(new Uint16Array(into))!.bytes).toBe(3);
    expect([...new Uint8Array(into, 0, 3)]).toEqual([5, 6, 7]);
  });

  it("no buffer is a TypeError, and nothing is sent", () => {
    const [a, b] = pair();
    const to = { host: "127.0.0.1", port: a.port };
    for (const buffer of NO_BUFFERS as Uint8Array[]) {
      expect(() => b.send(buffer)).toThrow(/^Invalid buffer: /);
      expect(() => b.sendTo(buffer, to)).toThrow(TypeError);
      expect(() => a.recv(buffer)).toThrow(TypeError);
      expect(() => a.recvFrom(buffer)).toThrow(TypeError);
    }
    expect(a.recv(new Uint8Array(8))).toBe(-1);
  });

  it("no options are a TypeError in our words, and no socket stays", () => {
    const [, b] = pair();
    const before = openDescriptors();
    for (const value of NO_OPTIONS as { port: number }[]) {
      // undefined means the defaults of `bind`, and no address of its own for `connect`.
      if (value !== undefined) {
        expect(() => DatagramSocket.bind(value)).toThrow(
          /^Invalid options: .*use \{ host, port, /,
        );
        expect(() => DatagramSocket.connect({ port: 9 }, value)).toThrow(TypeError);
      }
      expect(() => DatagramSocket.connect(value)).toThrow(/^Invalid options: /);
      expect(() => b.sendTo(new Uint8Array(1), value)).toThrow(/^Invalid options: /);
    }
    for (const options of [{ port: "80" }, { host: 5, port: 80 }, { path: 5 }] as never[]) {
      expect(() => DatagramSocket.bind(options)).toThrow(TypeError);
      expect(() => DatagramSocket.connect(options)).toThrow(/^Invalid (port|host|path): a /);
    }
    expect(() => DatagramSocket.connect({} as never)).toThrow(/^Invalid port: undefined$/);
    for (const options of [{ prot: 9 }, { port: 9, reuseAddress: "yes" }] as never[]) {
      expect(() => DatagramSocket.bind(options)).toThrow(TypeError);
      expect(() => DatagramSocket.connect({ port: 9 }, options)).toThrow(TypeError);
      expect(() => b.sendTo(new Uint8Array(1), options)).toThrow(/^Unknown option "/);
    }
    for (const value of ["yes", 1, undefined] as unknown as boolean[]) {
      expect(() => b.setBroadcast(value)).toThrow(TypeError);
    }
    for (const group of [5, undefined, null] as unknown as string[]) {
      expect(() => b.joinMulticast(group)).toThrow(/^Invalid group: /);
      expect(() => b.leaveMulticast(group)).toThrow(TypeError);
    }
    expect(() => b.joinMulticast("224.0.0.251", 2 as never)).toThrow(/^Invalid interface: /);
    for (const options of [5, { hop: 1 }, { hops: "1" }, { loop: 1 }, { iface: 1 }] as never[]) {
      expect(() => b.setMulticast(options)).toThrow(TypeError);
    }
    for (const hops of [-1, 256, 0.5, NaN]) {
      expect(() => b.setMulticast({ hops })).toThrow(RangeError);
    }
    expect(openDescriptors()).toBe(before);
  });
});
