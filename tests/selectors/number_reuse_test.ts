// Numbers that come back to the same open file: found by the hammer (tests/hammer_test.ts).
import { describe, expect, it } from "bun:test";
import { socketPair } from "../../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
} from "../../lib/selectors/mod.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";
import { Descriptor, duplicate, encode, ownership } from "../support/sockets.ts";

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
