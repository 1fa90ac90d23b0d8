// The readiness truth table: what each backend tells of real sockets and pipes in each state, for a
// key that asked for both events. Measured on Linux 6.18; poll(2), epoll(7) and select(2) agree. What
// Windows answers differently was measured on Wine 8; select and wsapoll agree, too.
import { describe, expect, it } from "bun:test";
import { packAddress, SOCKADDR_SIZE } from "../../lib/sys/socket/sockaddr.ts";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  type FileObject,
  type SelectorName,
} from "../../lib/selectors/mod.ts";
import { check } from "../../lib/sys/errno.ts";
import { Native } from "../../lib/sys/ffi.ts";
import { AF_INET } from "../../lib/sys/constants.ts";
import { c } from "../../lib/sys/posix.ts";
import { newSocket } from "../../lib/sys/socket/sockets.ts";
import { encode, fill, ownership, pipe, portOf, tcpPair } from "../support/sockets.ts";
import { itUnless, NO_PIPES, onWindows } from "../support/systems.ts";
import { settles, sleep } from "../support/waiting.ts";

type Told = "-" | "R" | "W" | "RW";

/** What a selector tells of a file object now. */
function told(name: SelectorName, fileobj: FileObject, asked: number): Told {
  using selector = createSelector(name);
  selector.register(fileobj, asked);
  const [entry] = selector.select(0);
  const events = entry?.[1] ?? 0;
  return `${events & EVENT_READ ? "R" : ""}${events & EVENT_WRITE ? "W" : ""}` as Told || "-";
}

const names = availableSelectors().filter((s) => s.available).map((s) => s.name);

/** Asserts what every backend tells, once the kernel has delivered what is on its way. */
async function expectTold(fileobj: FileObject, expected: Told, asked = EVENT_READ | EVENT_WRITE) {
  for (const name of names) {
    const answer = () => told(name, fileobj, asked);
    expect(`${name}: ${settles(answer, expected)}`).toBe(`${name}: ${expected}`);
  }
  await sleep(5); // and it stays so
  for (const name of names) expect(told(name, fileobj, asked)).toBe(expected);
}

const reset = (socket: Socket) => {
  socket.setLinger(0);
  socket.close();
};

type Row = [
  state: string,
  expected: Told,
  error: string | null,
  make: (own: Socket, peer: Socket) => void,
  /** SO_ERROR on Windows, where it is another: it tells of failed connects, and receiving of resets. */
  windowsError?: null,
];

const anyStream: Row[] = [
  ["idle", "W", null, () => {}],
  ["data pending", "RW", null, (_, peer) => void peer.send(encode("x"))],
  ["peer SHUT_WR", "RW", null, (_, peer) => peer.shutdown("write")],
  ["peer closed", "RW", null, (_, peer) => peer.close()],
  ["data, then closed", "RW", null, (_, peer) => (peer.send(encode("x")), peer.close())],
  ["we SHUT_WR", "W", null, (own) => own.shutdown("write")],
  ["both SHUT_WR", "RW", null, (own, peer) => (own.shutdown("write"), peer.shutdown("write"))],
  ["peer closed with our bytes unread", "RW", "ECONNRESET", (own, peer) => {
    own.send(encode("x"));
    settles(() => told("select", peer, EVENT_READ), "R");
    peer.close();
  }, null],
  ["send buffer full", "-", null, (own) => void fill(own)],
  ["send buffer full, and peer SHUT_WR", "R", null, (own, peer) => {
    fill(own);
    peer.shutdown("write");
  }],
];

const tcpOnly: Row[] = [
  ["peer reset", "RW", "ECONNRESET", (_, peer) => reset(peer), null],
  [
    "data, then reset",
    "RW",
    "ECONNRESET",
    (_, peer) => (peer.send(encode("x")), reset(peer)),
    null,
  ],
  ["out-of-band byte", "W", null, (_, peer) => {
    const MSG_OOB = 1;
    check(c.sendBytes(peer.fileno(), encode("!"), 1, MSG_OOB), "send");
  }],
];

describe("readiness of TCP sockets", () => {
  const own = ownership();
  for (const [state, expected, unixError, make, windowsError] of [...anyStream, ...tcpOnly]) {
    const error = onWindows && windowsError !== undefined ? windowsError : unixError;
    it(`${state}: ${expected}, ${error ?? "no error"}`, async () => {
      const [socket, peer] = own(...tcpPair());
      make(socket, peer);
      await expectTold(socket, expected);
      expect(socket.takeError()?.code ?? null).toBe(error);
    });
  }

  it("connect refused: RW, ECONNREFUSED once", async () => {
    const [taken] = own(Socket.listen({ host: "127.0.0.1" }));
    const port = portOf(taken);
    taken.close();
    // Not by Socket.connect, which takes the error of an attempt that fails at once.
    const [socket] = own(Socket.fromFd(newSocket(AF_INET)));
    const address = new Native(SOCKADDR_SIZE);
    const length = packAddress(address.view, { host: "127.0.0.1", port });
    expect(c.connect(socket.fileno(), address.pointer, length)).toBe(-1);
    await expectTold(socket, "RW");
    expect(socket.takeError()?.code).toBe("ECONNREFUSED");
    if (!onWindows) expect(socket.takeError()).toBe(null); // Wine 8 does not clear it
  });

  const fresh = onWindows ? "-" : "RW";
  it(`fresh, not connected: ${fresh}`, async () => {
    const [socket] = own(Socket.fromFd(newSocket(AF_INET)));
    await expectTold(socket, fresh);
    expect(socket.takeError()).toBe(null);
  });

  it("listener idle: nothing; pending: R; pending that was reset: R", async () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    await expectTold(listener, "-");
    const [client] = own(Socket.connect({ port: portOf(listener), timeoutMs: 1000 }));
    await expectTold(listener, "R");
    reset(client);
    await expectTold(listener, "R");
    const accepted = listener.accept();
    if (onWindows) {
      expect(accepted).toBe(null);
      return await expectTold(listener, "-");
    }
    own(accepted!); // Linux hands it out, and it fails then
    expect(() => accepted!.recv(new Uint8Array(1))).toThrow(/ECONNRESET/);
  });

  it("asked for one event only, the other is not told", async () => {
    const [socket, peer] = own(...tcpPair());
    peer.send(encode("x"));
    await expectTold(socket, "R", EVENT_READ);
    await expectTold(socket, "W", EVENT_WRITE);
    reset(peer);
    await expectTold(socket, "R", EVENT_READ);
    await expectTold(socket, "W", EVENT_WRITE);
  });
});

describe(onWindows ? "readiness of socket pairs" : "readiness of Unix sockets", () => {
  const own = ownership();
  for (const [state, expected, unixError, make, windowsError] of anyStream) {
    const error = onWindows && windowsError !== undefined ? windowsError : unixError;
    it(`${state}: ${expected}, ${error ?? "no error"}`, async () => {
      const [socket, peer] = own(...socketPair());
      make(socket, peer);
      await expectTold(socket, expected);
      expect(socket.takeError()?.code ?? null).toBe(error);
    });
  }
});

describe("readiness of pipes", () => {
  const own = ownership();

  itUnless(NO_PIPES, "idle: the reading end nothing, the writing end W", async () => {
    const [reader, writer] = own(...pipe());
    await expectTold(reader, "-", EVENT_READ);
    await expectTold(writer, "W", EVENT_WRITE);
  });

  itUnless(NO_PIPES, "data pending: R; full: the writing end nothing", async () => {
    const [reader, writer] = own(...pipe());
    fill(writer);
    await expectTold(reader, "R", EVENT_READ);
    await expectTold(writer, "-", EVENT_WRITE);
  });

  itUnless(NO_PIPES, "the writer closed, which is a hang-up without IN: R", async () => {
    const [reader, writer] = own(...pipe());
    writer.close();
    await expectTold(reader, "R", EVENT_READ);
  });

  itUnless(NO_PIPES, "the reader closed, which is an error: W", async () => {
    const [reader, writer] = own(...pipe());
    reader.close();
    await expectTold(writer, "W", EVENT_WRITE);
  });

  itUnless(NO_PIPES, "full and the reader closed, which is an error without OUT: W", async () => {
    const [reader, writer] = own(...pipe());
    fill(writer);
    reader.close();
    await expectTold(writer, "W", EVENT_WRITE);
  });
});
