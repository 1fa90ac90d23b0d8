// dial() and Socket.connect() over several addresses: RFC 8305, with an address that does not answer.
import { describe, expect, it } from "bun:test";
import { networkInterfaces } from "node:os";
import { dial, ResolveError, Socket } from "../../lib/net/mod.ts";
import { interleaved, Race } from "../../lib/net/race.ts";
import { TempDir } from "../support/files.ts";
import { acceptSoon, openDescriptors, ownership } from "../support/sockets.ts";
import { itUnless, NO_UNIX_SOCKETS, onWindows } from "../support/systems.ts";

const hasV6 = Object.values(networkInterfaces()).flat().some((a) => a?.address === "::1");
const unable = onWindows ? "the backlog of Windows answers" : hasV6 ? undefined : "no ::1 here";
const failure = (promise: Promise<unknown>) => promise.then(() => undefined, (error) => error);

describe("a host with two addresses, of which the first does not answer", () => {
  const own = ownership();

  /** 127.0.0.1 drops what comes, as its backlog is full; ::1 listens on the same port. */
  function halfSilent(): number {
    const [silent] = own(Socket.listen({ host: "127.0.0.1", backlog: 0 }));
    for (let i = 0; i < 3; i++) own(Socket.connect({ host: "127.0.0.1", port: silent.port }));
    own(Socket.listen({ host: "::1", port: silent.port }));
    return silent.port;
  }

  itUnless(
    unable,
    "dial(): the other is connected after 250 ms, and nothing is left open",
    async () => {
      const port = halfSilent();
      const before = openDescriptors();
      const start = performance.now();
      const socket = await dial({ host: "localhost", port, timeoutMs: 20_000 });
      const ms = performance.now() - start;
      expect(socket.remoteAddress).toEqual({ family: "ipv6", host: "::1", port });
      expect(ms).toBeGreaterThanOrEqual(249);
      expect(ms).toBeLessThan(5000); // and not the 20 s
      socket.close();
      expect(openDescriptors()).toBe(before);
    },
  );

  itUnless(unable, "Socket.connect() with timeoutMs does the same, blocking", () => {
    const port = halfSilent();
    const before = openDescriptors();
    const start = performance.now();
    const socket = Socket.connect({ host: "localhost", port, timeoutMs: 20_000 });
    expect(performance.now() - start).toBeLessThan(5000);
    expect(socket.remoteAddress).toEqual({ family: "ipv6", host: "::1", port });
    socket.close();
    expect(openDescriptors()).toBe(before);
  });
});

describe("dial()", () => {
  const own = ownership();

  it("tries the next address at once when one refuses", async () => {
    if (!hasV6) return console.log("not run: dial() after a refusal: no ::1 here");
    const [listener] = own(Socket.listen({ host: "::1" }));
    const { port } = listener;
    const [socket] = own(await dial({ host: "localhost", port, timeoutMs: 20_000 }));
    expect(socket.remoteAddress.family).toBe("ipv6");
    const [blocking] = own(Socket.connect({ host: "localhost", port, timeoutMs: 20_000 }));
    expect(blocking.remoteAddress.family).toBe("ipv6");
    const [begun] = own(Socket.connect({ host: "localhost", port }));
    expect(begun.waitConnected(5000)).toBe(true);
  });

  it("throws the error of the last address, and leaves nothing open", async () => {
    const port = Socket.listen({ host: "127.0.0.1" });
    const closed = port.port;
    port.close();
    const before = openDescriptors();
    const error = await failure(dial({ host: "127.0.0.1", port: closed, timeoutMs: 5000 }));
    expect(error.message).toMatch(/^Cannot connect to 127\.0\.0\.1:\d+: ECONNREFUSED/);
    expect(openDescriptors()).toBe(before);
  });

  it("is ETIMEDOUT after timeoutMs, and the signal's reason when it is aborted", async () => {
    const [silent] = own(Socket.listen({ host: "127.0.0.1", backlog: 0 }));
    for (let i = 0; i < 3; i++) own(Socket.connect({ port: silent.port }));
    if (onWindows) return; // a full backlog answers there
    const { port } = silent;
    const late = await failure(dial({ port, timeoutMs: 60 }));
    expect(late.message).toMatch(/^Cannot connect to 127\.0\.0\.1:\d+ within 60 ms: ETIMEDOUT/);
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    expect(await failure(dial({ port, signal }))).toBe(reason);
    const controller = new AbortController();
    const dialled = failure(dial({ port, signal: controller.signal }));
    setTimeout(() => controller.abort(reason), 20);
    expect(await dialled).toBe(reason);
  });

  it("waits by the caller's own means, where it is given some", async () => {
    const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
    const [silent] = own(Socket.listen({ host: "127.0.0.1", backlog: 0 }));
    for (let i = 0; i < 3; i++) own(Socket.connect({ port: silent.port }));
    const waits: number[] = [];
    const wait = (sockets: readonly Socket[], ms: number) => {
      waits.push(sockets.length, ms);
      return Promise.resolve();
    };
    own(await dial({ port: listener.port }, wait));
    await failure(dial({ port: silent.port, timeoutMs: 30 }, wait));
    if (!onWindows) expect(waits.slice(-2)[0]).toBe(1);
  });

  it("says that a name has no address", async () => {
    const error = await failure(dial({ host: "", port: 1, timeoutMs: 5000 }));
    expect(error instanceof ResolveError).toBe(true);
  });

  itUnless(
    NO_UNIX_SOCKETS,
    "asks a Unix listener with a full backlog until there is room",
    async () => {
      const [folder] = own(new TempDir());
      const path = folder.file("s");
      const [listener] = own(Socket.listen({ path, backlog: 0 }));
      const [first] = own(Socket.connect({ path }));
      expect(first.fileno()).toBeGreaterThan(0);
      const late = await failure(dial({ path, timeoutMs: 30 }));
      expect(late.code).toBe("ETIMEDOUT");
      const dialled = dial({ path, timeoutMs: 20_000 });
      setTimeout(() => own(acceptSoon(listener)), 30);
      own(await dialled);
    },
  );
});

describe("Race", () => {
  it("takes the families in turn, beginning with the first address's", () => {
    expect(interleaved(["::1", "::2", "::3", "1.1.1.1"])).toEqual(["::1", "1.1.1.1", "::2", "::3"]);
    expect(interleaved(["1.1.1.1", "1.1.1.2", "::1"])).toEqual(["1.1.1.1", "::1", "1.1.1.2"]);
    expect(interleaved([])).toEqual([]);
  });

  it("fails with the error that tells most: an answer of a host before none at all", () => {
    const failing = (...codes: string[]) => () =>
      new Race(codes, (code) => {
        throw Object.assign(new Error(code), { code });
      }).advance();
    expect(failing("ECONNREFUSED", "ENETUNREACH")).toThrow("ECONNREFUSED");
    expect(failing("ENETUNREACH", "ECONNREFUSED", "EADDRNOTAVAIL")).toThrow("ECONNREFUSED");
    expect(failing("ETIMEDOUT", "ECONNREFUSED")).toThrow("ECONNREFUSED");
    expect(failing("ENETUNREACH", "EADDRNOTAVAIL")).toThrow("EADDRNOTAVAIL");
  });

  it("closes the losers, and is a RangeError without an address", () => {
    const closed: string[] = [];
    const attempt = (address: string) => ({
      fileno: () => 1,
      waitConnected: () => address === "b",
      close: () => closed.push(address),
    });
    const race = new Race(["a", "b"], attempt);
    expect(race.advance()).toBe(undefined);
    expect(race.delayMs).toBeGreaterThan(0);
    while (race.delayMs > 0 && race.attempts.length < 2) if (race.delayMs < 1) break;
    while (race.attempts.length === 1) if (race.advance()) break;
    expect(closed).toEqual(["a"]);
    expect(() => new Race([], attempt).advance()).toThrow(RangeError);
  });
});
