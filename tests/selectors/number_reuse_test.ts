// Numbers that come back: to the same open file, to another one, to the selector itself.
import { describe, expect, it } from "bun:test";
import { socketPair } from "../../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  wake,
} from "../../lib/selectors/mod.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";
import { Descriptor, duplicate, duplicateAt, encode, ownership } from "../support/sockets.ts";

describe("register() of a number with a stale registration of the same open file", () => {
  const own = ownership();
  const names = availableSelectors().filter((s) => s.available).map((s) => s.name);

  for (const name of names) {
    it(`${name}: works, and only the new registration is told`, () => {
      if (process.platform === "win32") return console.log("not run: dup2: sockets have none here");
      const [selector, a, b] = own(createSelector<string>(name), ...socketPair());
      const fd = a.detach();
      const [copy] = own(duplicate(fd));
      selector.register(fd, EVENT_READ, "first life");
      closeFd(fd);
      selector.unregister(fd); // too late for epoll to be told: the duplicate keeps the file open
      own(new Descriptor(c.dup2(copy.fileno(), fd)));
      const key = selector.register(fd, EVENT_WRITE, "second life");
      b.send(encode("x"));
      expect(selector.select(1000)).toEqual([[key, EVENT_WRITE]]);
      selector.unregister(fd);
      expect(selector.select(5)).toEqual([]);
    });
  }
});

describe("a descriptor that was closed and not unregistered", () => {
  const own = ownership();
  const names = availableSelectors().filter((s) => s.available).map((s) => s.name);
  const forms = [["an object", false], ["a bare number", true]] as const;

  for (const name of names) {
    for (const [form, bare] of forms) {
      it(`${name}, ${form}: its number is none of the selector's own, so that it can be unregistered`, async () => {
        const [selector, ...closed] = own(createSelector<string>(name), ...socketPair());
        const watched = closed.map((socket) => bare ? socket.fileno() : socket);
        for (const fileobj of watched) selector.register(fileobj, EVENT_READ, "mine");
        for (const socket of closed) socket.close();
        const handle = selector.wakeHandle();
        expect(await selector.selectAsync(1)).toEqual([]);
        expect(selector.getMap().size).toBe(2);
        for (const fileobj of watched) expect(selector.unregister(fileobj).data).toBe("mine");
        expect(selector.getMap().size).toBe(0);
        wake(handle); // and it still wakes
        expect(selector.select(5000)).toEqual([]);
      });

      it(`${name}, ${form}: not reported by the batch whose callback closed it`, () => {
        const [selector, a, peerOfA] = own(createSelector(name), ...socketPair());
        const [b, peerOfB] = own(...socketPair());
        for (const peer of [peerOfA, peerOfB]) peer.send(encode("x"));
        for (const socket of [a, b]) selector.register(bare ? socket.fileno() : socket, EVENT_READ);
        const called = selector.dispatch(1000, () => {
          for (const socket of [a, b]) socket.close();
        });
        expect(called).toBe(1);
      });

      it(`${name}, ${form}: not reported while a duplicate is readable, nor when its number is in use again`, () => {
        if (process.platform === "win32") return console.log("not run: no duplicates of sockets");
        for (const again of [false, true]) {
          const [selector, a, b, other] = own(
            createSelector(name),
            ...socketPair(),
            ...socketPair(),
          );
          const fd = a.fileno();
          own(duplicate(fd));
          selector.register(bare ? fd : a, EVENT_READ);
          b.send(encode("x"));
          a.close();
          if (again) own(duplicateAt(other.fileno(), fd));
          for (let i = 0; i < 2; i++) expect(selector.select(20)).toEqual([]);
        }
      });
    }
  }
});
