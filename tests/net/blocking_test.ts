// Blocking sockets: recvExactly, readLine, sendAll and timeouts. A thread of its own plays the peer,
// since a blocked thread cannot.
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { OSError, Socket, socketPair, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { HelperThread } from "../support/helper_thread.ts";
import { decode, encode, fill, ownership, tcpPair, thrownBy } from "../support/sockets.ts";
import { onWindows } from "../support/systems.ts";
import { timed } from "../support/waiting.ts";

let helper: HelperThread;
beforeAll(async () => void (helper = await HelperThread.start()));
afterAll(() => helper.stop());

/** A pair whose first end is blocking. */
function blockingPair(own: (...items: Disposable[]) => unknown): [Socket, Socket] {
  const pair = tcpPair();
  own(...pair);
  pair[0].setBlocking(true);
  return pair;
}

describe("recvExactly()", () => {
  const own = ownership();

  it("waits for all of it, in however many parts it comes", async () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("one"));
    const written = helper.later({ kind: "write", fd: peer.fileno(), text: "two", afterMs: 30 });
    expect(decode(socket.recvExactly(6)!)).toBe("onetwo");
    await written;
  });

  it("leaves what comes after it", () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("abcdef"));
    expect(decode(socket.recvExactly(2)!)).toBe("ab");
    expect(decode(socket.recvExactly(4)!)).toBe("cdef");
    expect(socket.recvExactly(0)!.length).toBe(0);
  });

  it("is null when the stream ends before", () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("abc"));
    peer.close();
    for (let round = 0; round < 2; round++) expect(socket.recvExactly(4)).toBe(null);
    expect(decode(socket.recvExactly(3)!)).toBe("abc"); // what came is not lost
    expect(socket.recvExactly(1)).toBe(null);
  });
});

describe("readLine()", () => {
  const own = ownership();

  it("reads lines that end in LF or CRLF, then what is left, then null", () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("one\ntwo\r\n\n\r\nä€😀\nrest\r"));
    peer.close();
    const lines = Array.from({ length: 8 }, () => socket.readLine());
    expect(lines).toEqual(["one", "two", "", "", "ä€😀", "rest\r", null, null]);
  });

  it("waits for the rest of a line, also in the middle of a character", async () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("a ä").subarray(0, 3));
    const tail = "\n";
    peer.send(encode("ä").subarray(1));
    const written = helper.later({ kind: "write", fd: peer.fileno(), text: tail, afterMs: 30 });
    expect(socket.readLine()).toBe("a ä");
    await written;
  });

  it("keeps a byte order mark: it is part of the text", () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("\ufeffline\n"));
    expect(socket.readLine()).toBe("\ufeffline");
  });

  it("takes nothing beyond the line: what follows stays for any reader of the descriptor", () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("line\nabcdef"));
    expect(socket.readLine()).toBe("line");
    const buffer = new Uint8Array(new ArrayBuffer(2));
    expect([socket.recv(buffer), decode(buffer)]).toEqual([2, "ab"]);
    expect(decode(socket.recvExactly(2)!)).toBe("cd");
    const [heir] = own(Socket.fromFd(socket.detach()));
    peer.send(encode("g\n"));
    expect(heir.readLine()).toBe("efg");
    heir.setBlocking(false);
    expect(heir.recv(buffer)).toBe(WOULD_BLOCK);
  });

  it("reads lines longer than its buffer, and many of them", () => {
    const [socket, peer] = blockingPair(own);
    const lines = Array.from({ length: 200 }, (_, i) => `${i}:${"x".repeat((i * 397) % 20_000)}`);
    const text = lines.join("\n") + "\n";
    let sent = 0;
    const bytes = encode(text);
    for (const line of lines) {
      // Never more in flight than the kernel holds: this thread writes and reads in turn.
      while (sent < bytes.length) {
        const taken = peer.send(bytes, sent);
        if (taken === WOULD_BLOCK) break;
        sent += taken;
      }
      expect(socket.readLine() === line).toBe(true);
    }
  });

  it("throws RangeError for a line longer than maxBytes, wherever its end is", () => {
    for (const ending of ["\n", "\r\n", ""]) {
      const [socket, peer] = blockingPair(own);
      peer.send(encode("x".repeat(10) + ending));
      peer.shutdown("write");
      expect(() => socket.readLine(9)).toThrow(RangeError);
      const [other, otherPeer] = blockingPair(own);
      otherPeer.send(encode("x".repeat(10) + ending));
      otherPeer.shutdown("write");
      expect(other.readLine(10)).toBe("x".repeat(10));
    }
    const [socket, peer] = blockingPair(own);
    peer.send(encode("x".repeat(10_000))); // no end in sight: it must not wait for one
    expect(() => socket.readLine(9_000)).toThrow(
      "Cannot read a line: it is longer than 9000 bytes",
    );
  });

  it("takes a line of exactly maxBytes whose CRLF comes in two parts", async () => {
    const [socket, peer] = blockingPair(own);
    peer.send(encode("12345\r"));
    const written = helper.later({ kind: "write", fd: peer.fileno(), text: "\n", afterMs: 30 });
    expect(socket.readLine(5)).toBe("12345");
    await written;
  });
});

describe("sendAll()", () => {
  const own = ownership();

  it("sends more than the buffers hold to a slow reader", async () => {
    const [socket, peer] = blockingPair(own);
    const bytes = new Uint8Array(new ArrayBuffer(8 << 20)).map((_, i) => i % 251);
    peer.setBlocking(true);
    const drained = helper.later({ kind: "drain", fd: peer.fileno(), afterMs: 30 });
    socket.sendAll(bytes);
    socket.shutdown("write");
    const sum = bytes.reduce((x, y) => x + y, 0);
    expect(await drained).toEqual({ bytes: bytes.length, sum });
  });

  it("sends nothing for no bytes", () => {
    const [socket, peer] = blockingPair(own);
    socket.sendAll(new Uint8Array(0));
    expect(peer.recv(new Uint8Array(1))).toBe(WOULD_BLOCK);
  });
});

describe("setTimeouts() and setBlocking()", () => {
  const own = ownership();

  it("recvMs: readLine() and recvExactly() throw ETIMEDOUT after that time; recv() says so", () => {
    const [socket] = blockingPair(own);
    socket.setTimeouts({ recvMs: 60 });
    for (const read of [() => socket.readLine(), () => socket.recvExactly(1)]) {
      const { result, ms } = timed(() => thrownBy(read));
      expect(result instanceof OSError).toBe(true);
      expect([result.code, result.syscall]).toEqual(["ETIMEDOUT", "recv"]);
      expect(ms).toBeGreaterThanOrEqual(50); // the kernel counts in ticks of up to 10 ms
      expect(ms).toBeLessThan(10_000);
    }
    const receive = () => socket.recv(new Uint8Array(1));
    if (onWindows) expect(thrownBy(receive).code).toBe("ETIMEDOUT"); // also what a lost peer is called
    else expect(receive()).toBe(WOULD_BLOCK);
  });

  it("what had come before the failure comes again", () => {
    for (
      const [fail, code] of [
        [(socket: Socket) => socket.recvExactly(10), "ETIMEDOUT"],
        [(socket: Socket) => socket.readLine(), "ETIMEDOUT"],
        [(socket: Socket) => socket.readLine(3), undefined],
      ] as const
    ) {
      const [socket, peer] = blockingPair(own);
      socket.setTimeouts({ recvMs: 20 });
      peer.send(encode("abcdef"));
      for (let i = 0; i < 2; i++) expect(thrownBy(() => fail(socket)).code as unknown).toBe(code);
      peer.send(encode("gh\nrest"));
      expect(socket.readLine()).toBe("abcdefgh");
      expect(decode(socket.recvExactly(4)!)).toBe("rest");
    }
    const [socket, peer] = blockingPair(own);
    peer.send(encode("longer\nnext\n")); // the end of the line is known, and it is too long
    expect(() => socket.readLine(3)).toThrow(RangeError);
    expect([socket.readLine(), socket.readLine()]).toEqual(["longer", "next"]);
  });

  it("sendMs: sendAll() throws ETIMEDOUT when nobody reads", () => {
    const [socket] = own(...socketPair());
    fill(socket);
    socket.setBlocking(true);
    socket.setTimeouts({ sendMs: 60 });
    const { result, ms } = timed(() => thrownBy(() => socket.sendAll(encode("x"))));
    expect([result.code, (result as OSError).syscall]).toEqual(["ETIMEDOUT", "send"]);
    expect(ms).toBeGreaterThanOrEqual(50);
    expect(ms).toBeLessThan(10_000);
  });

  it("0 and Infinity take the limit away", async () => {
    const [socket, peer] = blockingPair(own);
    for (const none of [0, Infinity]) {
      socket.setTimeouts({ recvMs: 20, sendMs: 20 });
      socket.setTimeouts({ recvMs: none });
      const written = helper.later({ kind: "write", fd: peer.fileno(), text: "x", afterMs: 80 });
      expect(socket.recvExactly(1)!.length).toBe(1);
      await written;
    }
  });

  it("refuse what is no time", () => {
    const [socket] = blockingPair(own);
    for (const recvMs of [NaN, -1]) {
      expect(() => socket.setTimeouts({ recvMs })).toThrow(RangeError);
    }
  });

  it("the calls for blocking sockets say so on a non-blocking one", () => {
    const [socket] = own(...socketPair());
    for (const read of [() => socket.readLine(), () => socket.recvExactly(1)]) {
      expect(thrownBy(read).message).toMatch(/is the socket blocking\?/);
    }
  });

  it("setBlocking(false) brings WOULD_BLOCK back", () => {
    const [socket] = blockingPair(own);
    socket.setBlocking(false);
    expect(socket.recv(new Uint8Array(1))).toBe(WOULD_BLOCK);
  });
});
