// All backends against each other, over the states of the readiness truth table (readiness_test.ts has
// what they should say; here they only have to say the same), and that a planted difference is found.
import { describe, expect, it } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  type FileObject,
  type Ready,
  type Selector,
} from "../../lib/selectors/mod.ts";
import { DiffSelector, DisagreementError } from "../support/diff_selector.ts";
import { TempDir } from "../support/files.ts";
import {
  duplicate,
  encode,
  fill,
  ownership,
  pipe,
  portOf,
  receive,
  tcpPair,
  thrownBy,
} from "../support/sockets.ts";

const BOTH = EVENT_READ | EVENT_WRITE;
const names = availableSelectors().filter((s) => s.available).map((s) => s.name);
const all = (): DiffSelector<string> => new DiffSelector(names.map((name) => createSelector(name)));

/** A selector whose answers a test may spoil. */
function spoilt(
  spoil: Partial<Pick<Selector<string>, "register" | "modify" | "unregister">> & {
    ready?: (ready: Ready<string>[]) => Ready<string>[];
  },
): Selector<string> {
  const inner = createSelector<string>(names[0]!);
  const select = inner.select.bind(inner);
  return Object.assign(inner, {
    select: (timeoutMs?: number) => spoil.ready?.(select(timeoutMs)) ?? select(timeoutMs),
  }, Object.fromEntries(Object.entries(spoil).filter(([name]) => name !== "ready")));
}

describe("DiffSelector finds a planted disagreement", () => {
  const own = ownership();
  const against = (bad: Selector<string>) =>
    own(new DiffSelector([createSelector("auto"), bad]))[0];

  it("a readiness that one of them keeps to itself, and names all that helps", () => {
    const diff = against(spoilt({ ready: () => [] }));
    const [a] = own(...tcpPair());
    diff.register(a, EVENT_WRITE);
    const error = thrownBy(() => diff.select(0));
    expect(error instanceof DisagreementError).toBe(true);
    expect(error.message).toMatch(`descriptor ${a.fileno()}`);
    expect(error.message).toMatch(JSON.stringify(a.remoteAddress));
    expect(error.message).toMatch(`${a.fileno()}:W`);
    expect(error.message).toMatch(`${names[0]}: nothing ready`);
  });

  it("other events", () => {
    const diff = against(
      spoilt({ ready: (ready) => ready.map(([key]) => [key, EVENT_READ]) }),
    );
    const [a, b] = own(...socketPair());
    b.send(encode("x"));
    diff.register(a, BOTH);
    expect(() => diff.select(0)).toThrow(/:RW[^]*:R$/);
  });

  it("an entry told twice", () => {
    const diff = against(spoilt({ ready: (ready) => [...ready, ...ready] }));
    const [a] = own(...socketPair());
    diff.register(a, EVENT_WRITE);
    expect(() => diff.select(10)).toThrow(DisagreementError);
  });

  it("another exception, and one that throws nothing", () => {
    const fd = own(...socketPair())[0].detach();
    const accepts = spoilt({ register: (fileobj, events) => ({ fileobj, fd, events, data: "" }) });
    const [diff] = own(new DiffSelector([createSelector<string>("auto"), accepts]));
    Socket.fromFd(fd).close();
    expect(() => diff.register(fd, EVENT_READ)).toThrow(/OSError EBADF[^]*ok, R/);
    const types = against(spoilt({
      unregister: () => {
        throw new TypeError("planted");
      },
    }));
    expect(() => types.unregister(fd)).toThrow(/NotRegisteredError[^]*TypeError/);
  });

  it("but not one that lasts only for a moment", () => {
    let late = 5;
    const diff = against(spoilt({ ready: (ready) => late-- > 0 ? [] : ready }));
    const [a] = own(...socketPair());
    diff.register(a, EVENT_WRITE);
    expect(diff.select(0).length).toBe(1);
  });
});

type State = [name: string, make: (a: Socket, b: Socket) => void];
const states: State[] = [
  ["idle", () => {}],
  ["data pending", (_, b) => void b.send(encode("x"))],
  ["data read", (a, b) => (b.send(encode("x")), void receive(a, 1))],
  ["peer SHUT_WR", (_, b) => b.shutdown("write")],
  ["peer SHUT_RD", (_, b) => b.shutdown("read")],
  ["peer SHUT_RDWR", (_, b) => b.shutdown("both")],
  ["we SHUT_WR", (a) => a.shutdown("write")],
  ["we SHUT_RD", (a) => a.shutdown("read")],
  ["both SHUT_WR", (a, b) => (a.shutdown("write"), b.shutdown("write"))],
  ["peer closed", (_, b) => b.close()],
  ["data, then closed", (_, b) => (b.send(encode("x")), b.close())],
  ["peer closed with our bytes unread", (a, b) => (a.send(encode("x")), b.close())],
  ["reset", (_, b) => (b.setLinger(0), b.close())],
  ["data, then reset", (_, b) => (b.send(encode("x")), b.setLinger(0), b.close())],
  ["full", (a) => void fill(a)],
  ["full, and peer SHUT_WR", (a, b) => (fill(a), b.shutdown("write"))],
  ["full, and peer closed", (a, b) => (fill(a), b.close())],
];

describe(`${names.join(", ")} agree`, () => {
  const own = ownership();

  for (const [kind, make] of [["TCP", () => tcpPair()], ["Unix", () => socketPair()]] as const) {
    for (const [state, enter] of states) {
      it(`${kind}, ${state}: entered while watched, and watched afterwards`, () => {
        const [a, b, diff] = own(...make(), all());
        diff.register(a, BOTH);
        diff.select(1);
        enter(a, b);
        for (const events of [BOTH, EVENT_READ, EVENT_WRITE, BOTH]) {
          diff.modify(a, events);
          for (let i = 0; i < names.length; i++) diff.select(2);
        }
        diff.unregister(a);
        expect(diff.select(1)).toEqual([]);
        for (const events of [EVENT_READ, EVENT_WRITE, BOTH]) {
          diff.register(a, events);
          diff.select(0);
          diff.unregister(a);
        }
      });
    }
  }

  it("a listener: idle, pending, and pending that was reset", () => {
    const [listener, diff] = own(Socket.listen({ host: "127.0.0.1" }), all());
    diff.register(listener, EVENT_READ);
    expect(diff.select(1)).toEqual([]);
    const [client] = own(Socket.connect({ port: portOf(listener), timeoutMs: 1000 }));
    expect(diff.select(1000).length).toBe(1);
    client.setLinger(0);
    client.close();
    diff.select(1);
  });

  it("what is refused is refused by all, in the same way", () => {
    const [diff, a] = own(all(), ...socketPair());
    const refused = (action: () => unknown) =>
      expect(thrownBy(action) instanceof DisagreementError);
    for (const object of [-1, 1.5, NaN, null, {}, "3"] as FileObject[]) {
      refused(() => diff.register(object, EVENT_READ)).toBe(false);
      refused(() => diff.unregister(object)).toBe(false);
    }
    refused(() => diff.register(a, 0)).toBe(false);
    refused(() => diff.unregister(a)).toBe(false);
    refused(() => diff.select(NaN)).toBe(false);
    diff.register(a, EVENT_READ, "data");
    refused(() => diff.register(a.fileno(), EVENT_WRITE)).toBe(false);
    refused(() => diff.modify(a, 4)).toBe(false);
    expect(diff.getKey(a).data).toBe("data");
    expect(diff.getMap().size).toBe(1);
    a.close();
    refused(() => diff.modify(a, BOTH)).toBe(false);
    expect(diff.getMap().size).toBe(0);
  });

  it("a closed number and a regular file are refused by all with the same code", () => {
    const [diff, a] = own(all(), socketPair()[0]);
    const fd = a.detach();
    Socket.fromFd(fd).close();
    expect(thrownBy(() => diff.register(fd, EVENT_READ)).code).toBe("EBADF");
    if (process.platform === "win32") return console.log("not run: files: no descriptors of them");
    const [folder] = own(new TempDir());
    const file = openSync(folder.file("f"), "w+");
    try {
      expect(thrownBy(() => diff.register(file, EVENT_READ)).code).toBe("EPERM");
    } finally {
      closeSync(file);
    }
  });

  it("pipes: idle, full, and each end gone", () => {
    if (process.platform === "win32") return console.log("not run: pipes: select takes none here");
    for (const gone of ["nobody", "reader", "writer"]) {
      for (const full of [false, true]) {
        const [reader, writer, diff] = own(...pipe(), all());
        if (full) fill(writer);
        diff.register(reader, EVENT_READ);
        diff.register(writer, EVENT_WRITE);
        diff.select(1);
        const leaving = gone === "reader" ? reader : gone === "writer" ? writer : undefined;
        if (leaving) {
          diff.unregister(leaving);
          leaving.close();
        }
        for (let i = 0; i < names.length; i++) diff.select(2);
      }
    }
  });

  it("a closed descriptor whose duplicate lives, once it is unregistered", () => {
    if (process.platform === "win32") return console.log("not run: dup: sockets have none here");
    const [diff, a, b] = own(all(), ...socketPair());
    own(duplicate(a.fileno()));
    b.send(encode("x"));
    diff.register(a, BOTH);
    a.close();
    diff.unregister(a);
    for (let i = 0; i < 2 * names.length; i++) expect(diff.select(3)).toEqual([]);
  });
});
