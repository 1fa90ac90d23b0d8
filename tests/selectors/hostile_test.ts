// Ten thousand random calls (a thousand without IOMUX_TEST_FULL) of the public API with hostile values: they may only throw what the
// documentation says, and a selector, its registrations and other descriptors stay usable.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
  AlreadyRegisteredError,
  availableSelectors,
  createSelector,
  EVENT_READ,
  NotRegisteredError,
  OSError,
  type Selector,
  SelectorClosedError,
  type SelectorName,
  UnsupportedModeError,
} from "../../lib/selectors/mod.ts";
import {
  DatagramSocket,
  dial,
  formatAddress,
  getAvailablePort,
  getNetworkAddress,
  parseHostPort,
  ResolveError,
  Socket,
  socketPair,
} from "../../lib/net/mod.ts";
import { TempDir } from "../support/files.ts";
import { tries } from "../support/runtime.ts";
import { encode, openDescriptors } from "../support/sockets.ts";

const DOCUMENTED = [
  ...[TypeError, RangeError, OSError, AlreadyRegisteredError, NotRegisteredError],
  ...[SelectorClosedError, UnsupportedModeError, ResolveError],
];
const CALLS = tries(10_000);

const thrower = () => {
  throw new TypeError("of the caller's own object");
};
/** Values that JavaScript can pass where TypeScript would not let them. */
const hostile: fc.Arbitrary<any> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(...[-1, 0, 1, 2, 3, 4, 5, 0.5, 1.5, NaN]) },
  fc.constantFrom<unknown>(...[2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 1e300]),
  fc.constantFrom<unknown>(...[Infinity, -Infinity, -0, 1023, 1024, 65535, 65536, 1n, 2n ** 64n]),
  fc.constantFrom<unknown>(...["", "0", "localhost", "127.0.0.1", "::1", "@", "a\\0b", "\\ud800"]),
  fc.constantFrom<unknown>(...[null, undefined, true, false, Symbol("s"), () => 1, [], {}]),
  fc.constantFrom<unknown>(...[new Uint8Array(0), new Uint8Array(8), new ArrayBuffer(4)]),
  fc.constantFrom<unknown>(...[new Float64Array(2), new DataView(new ArrayBuffer(3)), new Date(0)]),
  fc.constantFrom<unknown>(...[{ fileno: 1 }, { fileno: () => NaN }, { fileno: () => -1 }]),
  fc.constantFrom<unknown>(...[{ fileno: () => 2 ** 31 - 1 }, { fileno: thrower }]),
  fc.constantFrom<unknown>(...[Object.create(null), { valueOf: thrower, toString: thrower }]),
  fc.constantFrom<unknown>(...[{ host: 1 }, { port: NaN }, { path: "x".repeat(300) }, { edge: 1 }]),
  fc.constantFrom<unknown>(...[{ recvMs: -1 }, { recvMs: "1" }, { sendBytes: 2 ** 40 }, {
    path: 1,
  }]),
  fc.string(),
  fc.double(),
);

/** In our words: each runtime has others for what it finds itself. */
const isDocumented = (error: unknown): boolean =>
  DOCUMENTED.some((Class) => error instanceof Class) &&
  /^(Invalid|Unknown|Cannot (?!convert|read prop|mix)|of the caller)/.test(
    (error as Error).message,
  );

/** Runs a call; returns what is wrong with what it throws. */
function objection(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (isDocumented(error)) return undefined;
    return String((error as Error)?.stack ?? error);
  }
}

/** Uses a socket of its own, which reaches nobody but itself. */
function onDatagrams(use: (socket: DatagramSocket) => unknown): void {
  using socket = DatagramSocket.bind({ host: "127.0.0.1" });
  use(socket);
}

const names = availableSelectors().filter((s) => s.available).map((s) => s.name);

function selectorCalls(selector: Selector<any>, name: SelectorName, which: number, v: any[]) {
  const [x, y, z, o] = v;
  const calls: (() => unknown)[] = [
    () => selector.register(x, y, z, o),
    () => selector.register(x, 1),
    () => selector.modify(x, y, z),
    () => selector.unregister(x),
    () => selector.getKey(x),
    () => selector.getMap().get(x),
    // What waits for ever, or for long, would be right.
    () => typeof x === "number" && x > 0 ? 0 : x === undefined ? 0 : selector.select(x),
    () => typeof x === "number" && x > 0 ? 0 : x === undefined ? 0 : selector.dispatch(x, () => {}),
    () => selector.dispatch(0, x),
    () => selector.wakeup(),
    () => createSelector(x === "auto" ? name : x)?.close(),
  ];
  return calls[which % calls.length]!;
}

describe("hostile values", () => {
  for (const name of names) {
    it(`${name}: ${CALLS} random calls throw documented errors only, and harm nothing`, () => {
      using selector = createSelector<any>(name);
      using bystander = createSelector<string>(name);
      const [a, b] = socketPair();
      bystander.register(a, EVENT_READ, "bystander");
      const before = openDescriptors();
      const values = fc.array(hostile, { minLength: 4, maxLength: 4 });
      fc.assert(
        fc.property(fc.nat(), values, (which, all) => {
          const call = selectorCalls(selector, name, which, all);
          const found = objection(call);
          if (found) throw new Error(`${call}: ${found}`);
        }),
        { numRuns: CALLS },
      );
      for (const fd of [...selector.getMap().keys()]) selector.unregister(fd);
      expect(selector.getMap().size).toBe(0);
      expect(selector.select(0)).toEqual([]);
      b.send(encode("x"));
      expect(bystander.select(1000).map(([{ data }]) => data)).toEqual(["bystander"]);
      // The runtime opens some of its own; of what is forgotten there would be a hundred and more.
      expect(openDescriptors() - before).toBeLessThan(20);
      a.close();
      b.close();
    });
  }

  it(`sockets: ${CALLS} random calls throw documented errors only, and leave nothing open`, async () => {
    using folder = new TempDir();
    /** Text names a file of the test's own folder; anything else stays what it is. */
    const inside = (path: any) =>
      typeof path === "string" && path ? `${folder.path}/${path}` : path;
    const before = openDescriptors();
    const promises: Promise<unknown>[] = [];
    const socketCalls = (which: number, [x, y, z]: any[]) => {
      const [a, b] = socketPair();
      const calls: (() => unknown)[] = [
        () => a.send(x, y, z),
        () => (b.send(encode("data")), a.recv(x)),
        () => (b.send(encode("data")), b.shutdown("write"), a.unread(x)),
        () => a.shutdown(x),
        () => a.setTimeouts(x),
        () => a.setBuffers(x),
        () => a.setLinger(x),
        () => a.setBlocking(typeof x === "boolean" ? false : x),
        () => a.setNoDelay(x),
        () => a.setKeepAlive(x),
        () => DatagramSocket.bind(x).close(),
        () => DatagramSocket.bind({ path: inside(x), host: y, reusePort: z }).close(),
        () => DatagramSocket.connect(x, y).close(),
        () => onDatagrams((socket) => socket.send(x)),
        () => onDatagrams((socket) => socket.sendTo(new Uint8Array(1), x)),
        () => onDatagrams((socket) => socket.recvFrom(x)),
        () => onDatagrams((socket) => socket.setBroadcast(x)),
        () => onDatagrams((socket) => socket.joinMulticast(x, y)),
        () => onDatagrams((socket) => socket.setMulticast(x)),
        () => onDatagrams((socket) => socket.setMulticast({ hops: x, loop: y, iface: z })),
        () => (b.close(), typeof x === "number" && x > 1e6 ? 0 : a.recvExactly(x)),
        () => (b.close(), a.readLine(x)),
        () => typeof x === "number" && x > 0 ? 0 : a.waitConnected(x),
        () => Socket.listen(x).close(),
        () => Socket.listen({ host: x, port: y, backlog: z }).close(),
        () => Socket.listen({ path: inside(x), port: y }).close(),
        () => Socket.connect({ host: x, port: y, path: inside(z) }).close(),
        () => Socket.connect({ host: "127.0.0.1", port: 1, bind: x }).close(),
        () => Socket.connect(x).close(),
        () => parseHostPort(x),
        () => getAvailablePort(x),
        () => getAvailablePort({ preferredPort: x }),
        () => getNetworkAddress(x),
        () => void formatAddress(x),
        () => {
          const signal = AbortSignal.abort(new RangeError("aborted"));
          promises.push(
            dial({ host: x, port: y, signal, ...Object(z) }).catch((error) => {
              if (!isDocumented(error) && error.message !== "aborted") throw error;
            }),
          );
        },
      ];
      const call = calls[which % calls.length]!;
      const found = objection(call);
      a.close();
      b.close();
      if (found) throw new Error(`${call}: ${found}`);
    };
    const values = fc.array(hostile, { minLength: 3, maxLength: 3 });
    fc.assert(fc.property(fc.nat(), values, socketCalls), { numRuns: CALLS });
    await Promise.all(promises);
    expect(openDescriptors() - before).toBeLessThan(20);
  });
});
