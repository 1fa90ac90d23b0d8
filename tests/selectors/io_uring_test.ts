// What only IoUringSelector has: a ring that ends, requests that hold on to files, and many of both.
import { describe, expect, it } from "bun:test";
import { socketPair } from "../../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  IoUringSelector,
  type SelectorName,
} from "../../lib/selectors/mod.ts";
import { c } from "../../lib/sys/posix.ts";
import { encode, ownership, receive } from "../support/sockets.ts";
import { timed } from "../support/waiting.ts";

const all = availableSelectors();
const mine = all.find(({ name }) => name === "io_uring")!;
if (!mine.available) console.log(`not run: IoUringSelector: ${mine.reason}`);

(mine.available ? describe : describe.skip)("IoUringSelector", () => {
  const own = ownership();

  for (const { name, available } of all) {
    if (!available) continue;
    it(`close() does not end a later wait of ${name} early, though the kernel interrupts it`, () => {
      for (let i = 0; i < 5; i++) {
        new IoUringSelector().close();
        const [selector] = own(createSelector(name as SelectorName));
        const { result, ms } = timed(() => selector.select(50));
        expect(result).toEqual([]);
        expect(ms).toBeGreaterThanOrEqual(50);
      }
    });
  }

  it("unregister() lets go of the file at once: a close that follows reaches the peer", () => {
    const [selector, a, b] = own(new IoUringSelector(), ...socketPair());
    selector.register(a, EVENT_READ);
    expect(selector.select(0)).toEqual([]); // the kernel has the request now
    selector.unregister(a);
    a.close();
    expect(b.recv(new Uint8Array(1))).toBe(0);
  });

  it("close() lets go of the files, too", () => {
    const [selector, a, b] = own(new IoUringSelector(), ...socketPair());
    selector.register(a, EVENT_READ);
    selector.select(0);
    selector.close();
    a.close();
    expect(b.recv(new Uint8Array(1))).toBe(0);
  });

  it("data that came and was read between two waits is not told", () => {
    const [selector, a, b] = own(new IoUringSelector(), ...socketPair());
    selector.register(a, EVENT_READ);
    for (let i = 0; i < 50; i++) {
      expect(selector.select(0)).toEqual([]);
      b.send(encode("x"));
      expect(receive(a, 1).length).toBe(1);
    }
  });

  it("a writer without room whose peer has ended its side does not burn a processor", () => {
    const [selector, a, b] = own(new IoUringSelector(), ...socketPair());
    const chunk = new Uint8Array(65536);
    while (a.send(chunk) > 0);
    const key = selector.register(a, EVENT_WRITE);
    b.shutdown("write"); // POLLRDHUP, which io_uring tells of unasked
    const before = process.cpuUsage();
    const { result, ms } = timed(() => selector.select(200));
    const { user, system } = process.cpuUsage(before);
    expect(result).toEqual([]);
    expect(ms).toBeGreaterThanOrEqual(200);
    expect((user + system) / 1000).toBeLessThan(150);
    while (b.recv(chunk) > 0);
    expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
    expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]); // a level
  });

  it("registrations go with the next wait, also more of them than the ring has room for", () => {
    const [selector] = own(new IoUringSelector());
    const sockets = Array.from({ length: 700 }, () => own(...socketPair())).flat();
    for (const socket of sockets) selector.register(socket, EVENT_WRITE); // more than the ring has room for
    expect(selector.select(1000).length).toBe(sockets.length);
    for (const socket of sockets) selector.modify(socket, EVENT_READ);
    expect(selector.select(0)).toEqual([]);
    c.writeBytes(sockets[0]!.fileno(), encode("x"), 1);
    expect(selector.select(1000).map(([key]) => key.fileobj)).toEqual([sockets[1]!]);
    for (const socket of sockets) selector.unregister(socket);
    expect(selector.select(0)).toEqual([]);
  });

  it("fileno() is the ring's, readable when there are completions", () => {
    const [inner, outer] = own(new IoUringSelector(), createSelector("poll"));
    const [a, b] = own(...socketPair());
    const key = outer.register(inner, EVENT_READ);
    inner.register(a, EVENT_READ);
    inner.select(0);
    expect(outer.select(0)).toEqual([]);
    b.send(encode("x"));
    expect(outer.select(1000)).toEqual([[key, EVENT_READ]]);
    expect(inner.select(0).length).toBe(1);
  });
});
