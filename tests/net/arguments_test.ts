// What callers pass in: buffers of any kind count in bytes, and what is none is a TypeError on every
// runtime, never a silent 0 or a default.
import { describe, expect, it } from "bun:test";
import {
  type ConnectOptions,
  DatagramSocket,
  dial,
  type ListenOptions,
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
    for (const timeoutMs of [-1, NaN]) {
      expect(() => Socket.connect({ port: 1, timeoutMs })).toThrow(RangeError);
    }
    expect(openDescriptors()).toBe(before);
  });

  it("of an open socket: TypeError and RangeError, and it goes on", () => {
    const [a, b] = socketPair();
    expect(() => a.setTimeouts(5 as unknown as object)).toThrow(TypeError);
    expect(() => a.setTimeouts({ recvMs: -1 })).toThrow(RangeError);
    expect(() => a.setBuffers({ sendBytes: 1.5 })).toThrow(RangeError);
    expect(() => a.setLinger(-1)).toThrow(RangeError);
    expect(() => a.setLinger("1" as unknown as number)).toThrow(TypeError);
    expect(() => a.shutdown("sideways" as "read")).toThrow(TypeError);
    expect(() => a.shutdown("constructor" as "read")).toThrow(TypeError);
    expect(() => a.recvExactly(-1)).toThrow(RangeError);
    for (const fd of ["3", {}, null]) {
      expect(() => Socket.fromFd(fd as unknown as number)).toThrow(TypeError);
    }
    for (const fd of [1.5, -2, 2 ** 31]) expect(() => Socket.fromFd(fd)).toThrow(RangeError);
    expect(a.send(Uint8Array.of(1))).toBe(1);
    a.close();
    b.close();
  });
});

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
          /^Invalid options: .*use \{ host, port \}/,
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
    expect(() => DatagramSocket.connect({} as never)).toThrow(/^Invalid port: a undefined/);
    expect(openDescriptors()).toBe(before);
  });
});
