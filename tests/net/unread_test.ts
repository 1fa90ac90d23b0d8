// unread(): bytes that were received and put back come again, first, by every way of receiving.
import { describe, expect, it } from "bun:test";
import { type Socket, socketPair, WOULD_BLOCK } from "../../lib/net/mod.ts";
import { decode, encode, ownership } from "../support/sockets.ts";

describe("Socket.unread()", () => {
  const own = ownership();
  const pair = (): [Socket, Socket] => {
    const [a, b] = own(...socketPair());
    b.setBlocking(true);
    return [a, b];
  };
  const buffer = new Uint8Array(16);
  const next = (socket: Socket) => decode(buffer.subarray(0, Math.max(0, socket.recv(buffer))));

  it("recv() returns the bytes again, before those that the kernel has by now", () => {
    const [a, b] = pair();
    a.send(encode("one two"));
    expect(b.recv(buffer)).toBe(7);
    b.unread(buffer.slice(4, 7));
    a.send(encode(" three"));
    expect(next(b)).toBe("two three");
    b.unread(encode("two"));
    expect(next(b)).toBe("two"); // without waiting for more
    b.setBlocking(false);
    expect(b.recv(buffer)).toBe(WOULD_BLOCK);
  });

  it("the latest comes first, a small buffer takes a part, the rest stays", () => {
    const [, b] = pair();
    b.unread(encode("cd"));
    b.unread(encode("ab"));
    expect(b.recv(buffer.subarray(0, 3))).toBe(3);
    expect(decode(buffer.subarray(0, 3))).toBe("abc");
    expect(next(b)).toBe("d");
  });

  it("readLine() and recvExactly() go from there into the kernel's bytes", () => {
    const [a, b] = pair();
    a.send(encode("lo\nrest"));
    b.unread(encode("first\nhel"));
    expect([b.readLine(), b.readLine()]).toEqual(["first", "hello"]);
    b.unread(encode("the "));
    expect(decode(b.recvExactly(8)!)).toBe("the rest");
    a.close();
    expect(b.readLine()).toBe(null);
  });

  it("takeUnread() takes what is left, for whoever gets the descriptor", () => {
    const [, b] = pair();
    expect(b.takeUnread().length).toBe(0);
    b.unread(encode("abc"));
    b.recv(buffer.subarray(0, 1));
    expect(decode(b.takeUnread())).toBe("bc");
    expect(b.takeUnread().length).toBe(0);
  });
});
