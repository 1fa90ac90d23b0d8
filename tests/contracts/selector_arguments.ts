// The rows of the contract about arguments: what is refused, with which error, and what stays.
import { expect, it } from "bun:test";
import { closeSync, openSync } from "node:fs";
import {
  AlreadyRegisteredError,
  EVENT_READ,
  EVENT_WRITE,
  type FileObject,
  NotRegisteredError,
  OSError,
  type SelectorName,
  wake,
} from "../../lib/selectors/mod.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { openFileLimit, raiseOpenFileLimit } from "../../lib/sys/process/limits.ts";
import { TempDir } from "../support/files.ts";
import { duplicate, duplicateAbove, duplicateAt, encode } from "../support/sockets.ts";
import { ownership, pipe, thrownBy } from "../support/sockets.ts";
import { itUnless, NO_CHOICE_OF_NUMBERS, NO_FILES, NO_PIPES } from "../support/systems.ts";
import { onWindows } from "../support/systems.ts";
import type { Create } from "./create.ts";

const BAD_EVENTS: unknown[] = [0, 4, 5, 7, -1, 1.5, NaN, 999999, "1", null, undefined, true];
const BAD_OBJECTS: unknown[] = [
  ...[undefined, null, "3", true, 3n, {}, [], Symbol("fd")],
  ...[{ fileno: 3 }, { fileno: () => "3" }, { fileno: () => undefined }],
];

export function argumentCases(name: SelectorName, create: Create): void {
  const own = ownership();

  it("register() refuses events that are no non-empty subset of READ and WRITE: RangeError", () => {
    const [selector, a] = own(create(), ...socketPair());
    for (const events of BAD_EVENTS) {
      expect(() => selector.register(a, events as number)).toThrow(RangeError);
      expect(() => selector.register("no file object" as unknown as number, events as number))
        .toThrow(RangeError); // checked before the file object, as in Python
    }
    expect(selector.getMap().size).toBe(0);
  });

  it("modify() refuses the same events, and the old registration stays and still works", () => {
    const [selector, a, b] = own(create<string>(), ...socketPair());
    const key = selector.register(a, EVENT_READ, "data");
    for (const events of BAD_EVENTS) {
      expect(() => selector.modify(a, events as number, "other")).toThrow(RangeError);
    }
    expect(selector.getKey(a)).toBe(key);
    b.send(encode("x"));
    expect(selector.select(1000)).toEqual([[key, EVENT_READ]]);
  });

  it("a negative descriptor is a RangeError in every call", () => {
    const [selector] = own(create());
    for (const fd of [-1, -10, -0.5, 1.5, NaN, Infinity, 2 ** 31]) {
      expect(() => selector.register(fd, EVENT_READ)).toThrow(RangeError);
      expect(() => selector.modify(fd, EVENT_READ)).toThrow(RangeError);
      expect(() => selector.unregister(fd)).toThrow(RangeError);
      expect(() => selector.getKey(fd)).toThrow(RangeError);
    }
    expect(() => selector.register({ fileno: () => -1 }, EVENT_READ)).toThrow(RangeError);
    expect(selector.getMap().size).toBe(0);
  });

  it("-0 is descriptor 0, which is watched or refused by the system", () => {
    using selector = create();
    try {
      selector.register(-0, EVENT_READ);
    } catch (error) {
      expect(error).toBeInstanceOf(OSError);
    }
    expect(selector.getMap().size).toBeLessThan(2);
  });

  it("dispatch() without a function is a TypeError, though nothing is ready", () => {
    const [selector, a] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    for (const callback of [undefined, null, 5, "x", {}]) {
      expect(() => selector.dispatch(0, callback as never)).toThrow(/^Invalid callback: /);
      expect(() => selector.dispatch(1, callback as never)).toThrow(TypeError);
    }
  });

  it("a timeout that is no number is a TypeError, NaN a RangeError, in every wait", async () => {
    const [selector] = own(create());
    const wait = (ms: unknown) => selector.selectAsync(ms as number).then(() => "none", String);
    for (const ms of [null, "1", true, {}, 1n]) {
      expect(() => selector.select(ms as number)).toThrow(/^Invalid timeout: /);
      expect(() => selector.select(ms as number)).toThrow(TypeError);
      expect(await wait(ms)).toMatch(/^TypeError: Invalid timeout: /);
    }
    expect(() => selector.select(NaN)).toThrow(RangeError);
    expect(await wait(NaN)).toMatch(/^RangeError: /);
  });

  it("options that are none, are unknown or of another kind are a TypeError, and nothing stays", async () => {
    const [selector, a] = own(create<undefined>(), ...socketPair());
    for (const options of [5, null, "edge", [], { edgy: true }, { edge: 1 }, { oneshot: "no" }]) {
      expect(() => selector.register(a, EVENT_READ, undefined, options as never)).toThrow(
        TypeError,
      );
    }
    expect(selector.getMap().size).toBe(0);
    for (const options of [5, null, { signal: 5 }, { signals: 1 }]) {
      const ended = selector.selectAsync(0, options as never).then(() => "none", String);
      expect(await ended).toMatch(/^TypeError: /);
    }
    selector.register(a, EVENT_READ, undefined, { edge: undefined });
  });

  it("wake() of what is no handle is a TypeError", () => {
    const states = [{}, new SharedArrayBuffer(0), new SharedArrayBuffer(3)];
    const numbers = [-1, 1.5, 2 ** 31, NaN].map((wakeFd) => ({ wakeFd }));
    const handles = [...numbers, ...states.map((state) => ({ wakeFd: 1, state }))];
    for (const handle of [undefined, null, {}, 5, "x", ...handles]) {
      expect(() => wake(handle as never)).toThrow(TypeError);
    }
  });

  it("wake() of a made-up handle is a TypeError, and writes to nobody's descriptor", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    const { state, wakeFd } = selector.wakeHandle();
    const sizes = [4, 8, 12].map((bytes) => new SharedArrayBuffer(bytes));
    for (const made of [undefined, ...sizes, state]) {
      const handle = { wakeFd: a.fileno(), state: made };
      expect(() => wake(handle as never)).toThrow("Cannot wake: use what wakeHandle() returns");
    }
    expect(() => wake({ wakeFd } as never)).toThrow(TypeError);
    expect(b.recv(new Uint8Array(8))).toBe(-1);
    wake(structuredClone({ wakeFd, state }));
    expect(selector.select()).toEqual([]);
  });

  it("neither a number nor an object with a fileno() is a TypeError in every call", () => {
    const [selector] = own(create());
    for (const object of BAD_OBJECTS as FileObject[]) {
      expect(() => selector.register(object, EVENT_READ)).toThrow(TypeError);
      expect(() => selector.modify(object, EVENT_READ)).toThrow(TypeError);
      expect(() => selector.unregister(object)).toThrow(TypeError);
      expect(() => selector.getKey(object)).toThrow(TypeError);
    }
  });

  it("register() of a descriptor that is not open: OSError EBADF, nothing stays", () => {
    const [selector, a, , other] = own(create(), ...socketPair(), ...socketPair());
    const fd = a.fileno();
    a.close();
    for (const events of [EVENT_READ, EVENT_WRITE, EVENT_READ | EVENT_WRITE]) {
      const error = thrownBy(() => selector.register(fd, events));
      expect(error instanceof OSError).toBe(true);
      expect(error.code).toBe("EBADF");
      expect(error.message).toBe(
        `Cannot watch descriptor ${fd}: EBADF (bad file descriptor)`,
      );
    }
    expect(selector.getMap().size).toBe(0);
    expect(() => selector.getKey(fd)).toThrow(NotRegisteredError);
    expect(selector.select(0)).toEqual([]);
    // The number can be registered once it is open.
    const [open] = own(duplicateAt(other.fileno(), fd));
    selector.register(open, EVENT_READ);
  });

  itUnless(
    NO_FILES,
    "register() of a regular file or a directory: OSError EPERM, nothing stays",
    () => {
      const [selector, folder] = own(create(), new TempDir());
      for (const [path, flags] of [[folder.file("file"), "w+"], [folder.path, "r"]] as const) {
        const fd = openSync(path, flags);
        try {
          const error = thrownBy(() => selector.register(fd, EVENT_READ));
          expect(error instanceof OSError).toBe(true);
          expect(error.code).toBe("EPERM");
          expect(selector.getMap().size).toBe(0);
          expect(() => selector.unregister(fd)).toThrow(NotRegisteredError);
          expect(selector.select(0)).toEqual([]);
        } finally {
          closeSync(fd);
        }
      }
    },
  );

  it("register() takes pipes, and objects that only have a fileno()", () => {
    const [selector, reader, writer] = own(create(), ...(NO_PIPES ? socketPair() : pipe()));
    const object = { fileno: () => writer.fileno() };
    selector.register(reader, EVENT_READ);
    const key = selector.register(object, EVENT_WRITE);
    expect(selector.select(0)).toEqual([[key, EVENT_WRITE]]);
  });

  it("register() twice: AlreadyRegisteredError for object, number and another object", () => {
    const [selector, a] = own(create<string>(), ...socketPair());
    const key = selector.register(a, EVENT_READ, "first");
    const fd = a.fileno();
    for (const again of [a, fd, { fileno: () => fd }]) {
      expect(() => selector.register(again, EVENT_WRITE, "second")).toThrow(AlreadyRegisteredError);
    }
    expect(thrownBy(() => selector.register(a, EVENT_READ, "")).message).toBe(
      `Cannot register descriptor ${fd}: it is registered already; use modify`,
    );
    expect(selector.getKey(a)).toBe(key);
    expect(selector.getMap().size).toBe(1);
  });

  it("unregister(), modify() and getKey() of something unknown: NotRegisteredError", () => {
    const [selector, a, b] = own(create(), ...socketPair());
    selector.register(a, EVENT_READ);
    b.close();
    for (const unknown of [a.fileno() + 500, { fileno: () => a.fileno() + 500 }, b]) {
      expect(() => selector.unregister(unknown)).toThrow(NotRegisteredError);
      expect(() => selector.modify(unknown, EVENT_READ)).toThrow(NotRegisteredError);
      expect(() => selector.getKey(unknown)).toThrow(NotRegisteredError);
    }
    expect(thrownBy(() => selector.getKey(b)).message).toBe(
      "Cannot look up a closed object: it is not registered",
    );
    expect(selector.getMap().size).toBe(1);
  });

  itUnless(
    NO_CHOICE_OF_NUMBERS,
    "numbers above FD_SETSIZE: a RangeError that names the limit on select, else no limit",
    () => {
      raiseOpenFileLimit();
      const highest = 5000;
      // Only a hard limit that low could forbid the number; then there is nothing to be seen here.
      if (openFileLimit().soft <= highest) {
        console.log(`skipped: the limit of open files is ${openFileLimit().soft}`);
        return;
      }
      const [selector, a, b] = own(create(), ...socketPair());
      const [last] = own(duplicateAbove(a.fileno(), 1023));
      const [first] = own(duplicateAbove(a.fileno(), 1024));
      const [far] = own(duplicateAbove(a.fileno(), highest));
      b.send(encode("x"));
      if (last.fileno() === 1023) selector.register(last, EVENT_READ);
      if (name === "select") {
        for (const above of [first, far]) {
          const error = thrownBy(() => selector.register(above, EVENT_READ));
          expect(error instanceof RangeError).toBe(true);
          expect(error.message).toMatch(/FD_SETSIZE is 1024/);
          expect(() => selector.getKey(above)).toThrow(NotRegisteredError);
        }
      } else {
        selector.register(first, EVENT_READ);
        selector.register(far, EVENT_READ);
      }
      const ready = selector.select(1000).map(([key]) => key.fd).sort((x, y) => x - y);
      expect(ready).toEqual([...selector.getMap().keys()].sort((x, y) => x - y));
    },
  );

  it("a wake handle above FD_SETSIZE: the error says what it is of, also from selectAsync()", async () => {
    if (name !== "select" || onWindows) return;
    const [selector, a] = own(create(), ...socketPair());
    raiseOpenFileLimit();
    own(...Array.from({ length: 1100 }, () => duplicate(a.fileno())));
    const words = /^RangeError: Cannot make a wake handle, .*descriptor \d+ .* FD_SETSIZE is 1024/;
    expect(String(thrownBy(() => selector.wakeHandle()))).toMatch(words);
    expect(await selector.selectAsync(0).then(() => "", String)).toMatch(words);
  });

  // Where numbers count, the test above has said it; on Windows it is how many there are.
  if (!onWindows) return;
  it("more sockets than FD_SETSIZE: a RangeError that names the limit on select, else no limit", () => {
    const [selector, a] = own(create(), ...socketPair());
    const sockets = Array.from({ length: 1030 }, () => own(duplicate(a.fileno()))[0]);
    const limit = name === "select" ? 1024 : sockets.length;
    for (const socket of sockets.slice(0, limit)) selector.register(socket, EVENT_WRITE);
    for (const socket of sockets.slice(limit)) {
      const error = thrownBy(() => selector.register(socket, EVENT_WRITE));
      expect(error instanceof RangeError).toBe(true);
      expect(error.message).toMatch(/FD_SETSIZE is 1024/);
      expect(() => selector.getKey(socket)).toThrow(NotRegisteredError);
    }
    expect(selector.select(1000).length).toBe(limit);
    selector.unregister(sockets[0]!);
    selector.register(a, EVENT_WRITE);
    expect(selector.select(1000).length).toBe(limit);
  });
}
