// What accept(2) can fail with, most of which no test can provoke: the call is replaced here, and the
// connections behind it are real.
import { afterEach, describe, expect, it } from "bun:test";
import { COUNTER, createEngine } from "../../lib/engine/mod.ts";
import { availableSelectors, type SelectorName } from "../../lib/selectors/mod.ts";
import { ERRNO } from "../../lib/sys/errno.ts";
import { open, viewAt } from "../../lib/sys/ffi.ts";
import { c } from "../../lib/sys/posix.ts";
import { LIBC, on } from "../../lib/sys/system.ts";
import { IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_NODELAY } from "../../lib/sys/constants.ts";
import { Socket } from "../../lib/net/mod.ts";
import { getInt } from "../../lib/net/options.ts";
import { engineBench, Recorder, turnBriefly, turnFor, turnUntil } from "../support/engines.ts";
import { acceptSoon, encode, portOf, receive } from "../support/sockets.ts";
import { onWindows } from "../support/systems.ts";

const calls = c as { accept4: (...args: any[]) => number; accept: (...args: any[]) => number };
const real = onWindows ? {} : { accept4: c.accept4, accept: c.accept };

function setErrno(to: number): void {
  const symbol = on("__errno_location", "__error", "__error", "");
  const libc = open(LIBC, {
    location: { args: [], result: "pointer", symbol },
  });
  new Int32Array(viewAt(libc.location(), 4))[0] = to;
}

/** From now on accept fails as often and with what `next` says; undefined is the real call. */
function acceptFailsWith(next: () => string | undefined): void {
  for (const name of ["accept4", "accept"] as const) {
    calls[name] = (...args) => {
      const code = next();
      if (code === undefined) return real[name]!(...args as [any, any, any, any]);
      setErrno(ERRNO[code]!);
      return -1;
    };
  }
}

if (onWindows) {
  console.log("not run: errors of accept(): Windows: Winsock keeps its errors elsewhere");
} else {
  for (const { name, available } of availableSelectors()) {
    if (available) describe(`errors of accept() on ${name}`, () => cases(name));
  }
}

function cases(name: SelectorName): void {
  const bench = engineBench((options) => createEngine({ ...options, selector: name }));
  afterEach(() => void Object.assign(calls, real));

  it("what concerns one connection: the next is accepted, and each error is counted", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const pauses: string[] = [];
    const { port } = bench.listen(engine, recorder, { paused: (e) => void pauses.push(e.code) });
    const codes = ["ECONNABORTED", "EPROTO", "EINTR", "ENETDOWN", "EHOSTUNREACH", "EPERM"];
    const left = codes.flatMap((code) => [code, code]);
    acceptFailsWith(() => left.shift());
    const peers = [bench.dial(port), bench.dial(port), bench.dial(port)];
    turnUntil(engine, () => recorder.count("open") === peers.length);
    const expected = codes.filter((code) => code !== "EINTR").map((code) => [ERRNO[code], 2]);
    expect(engine.counters.errors().toSorted(([a], [b]) => a - b) as unknown)
      .toEqual(expected.toSorted(([a], [b]) => a! - b!));
    expect(pauses).toEqual([]);
    expect(engine.counters.slots[COUNTER.accepted]).toBe(3);
  });

  for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
    it(`${code}: a pause, reported once, few turns, over when the system has room again`, () => {
      const engine = bench.engine();
      const recorder = new Recorder();
      const pauses: string[] = [];
      const { port } = bench.listen(engine, recorder, { paused: (e) => void pauses.push(e.code) });
      let exhausted = true;
      acceptFailsWith(() => exhausted ? code : undefined);
      for (let i = 0; i < 3; i++) bench.dial(port);
      let turns = 0;
      for (const end = performance.now() + 350; performance.now() < end; turns++) {
        turnBriefly(engine, end - performance.now());
      }
      expect(turns).toBeLessThan(200); // level-triggered readiness would have spun, by the thousand
      expect(pauses).toEqual([code]);
      expect(engine.counters.slots[COUNTER.acceptPauses]).toBe(1);
      expect(engine.counters.errors()[0]![1]).toBeLessThan(100); // a retry every 100 ms
      exhausted = false;
      const start = performance.now();
      turnUntil(engine, () => recorder.count("open") === 3, 10_000);
      expect(performance.now() - start).toBeLessThan(10_000);
      exhausted = true; // another episode is reported again
      bench.dial(port);
      turnUntil(engine, () => pauses.length === 2);
      expect(engine.counters.slots[COUNTER.acceptPauses]).toBe(2);
    });
  }

  it("a pause ends at once when a connection closes", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    let paused = 0;
    const { port } = bench.listen(engine, recorder, { paused: () => void paused++ });
    const first = bench.dial(port);
    turnUntil(engine, () => recorder.count("open") === 1);
    let exhausted = true;
    acceptFailsWith(() => exhausted ? "ENFILE" : undefined);
    bench.dial(port);
    turnUntil(engine, () => paused === 1);
    exhausted = false;
    first.setLinger(0);
    first.close();
    let turns = 0;
    for (; recorder.count("open") < 2 && turns < 1000; turns++) turnBriefly(engine, 2);
    expect(turns).toBeLessThan(10); // of 2 ms at most, and not after the 100 ms of a retry
  });

  it("a listener that is broken ends the loop with what has happened", () => {
    const engine = bench.engine();
    const { port } = bench.listen(engine, new Recorder());
    acceptFailsWith(() => "EINVAL");
    bench.dial(port);
    expect(() => turnUntil(engine, () => false)).toThrow(/Cannot accept a connection: EINVAL/);
  });

  it("every connection has TCP_NODELAY and SO_KEEPALIVE", () => {
    const engine = bench.engine();
    let fd = -1;
    const recorder = new Recorder({ data: (connection) => fd = engine.release(connection).fd });
    const { port } = bench.listen(engine, recorder);
    bench.dial(port).send(encode("x"));
    turnUntil(engine, () => fd >= 0);
    bench.keep(Socket.fromFd(fd));
    expect(getInt(fd, IPPROTO_TCP, TCP_NODELAY)).not.toBe(0);
    expect(getInt(fd, SOL_SOCKET, SO_KEEPALIVE)).not.toBe(0);
  });

  it("a listener that can't be watched is an error of listen(), which closes its socket", () => {
    const engine = bench.engine();
    const socket = Socket.listen({ host: "127.0.0.1" });
    const fd = socket.fileno();
    engine.watch(fd, () => {}); // its number is taken
    expect(() => engine.listen(socket, { handler: new Recorder(), state: () => "A" })).toThrow();
    expect(socket.fileno()).toBe(-1);
  });

  it("a listener that can't be watched again after a pause is tried again later", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    let exhausted = true;
    const paused: string[] = [];
    const { port, socket } = bench.listen(engine, recorder, {
      paused: (error) => void paused.push(error.code),
    });
    acceptFailsWith(() => exhausted ? "EMFILE" : undefined);
    bench.dial(port);
    turnUntil(engine, () => paused.length === 1);
    const taken = engine.watch(socket.fileno(), () => {});
    exhausted = false;
    turnFor(engine, 250); // two retries that fail
    expect(recorder.count("open")).toBe(0);
    taken.close();
    turnUntil(engine, () => recorder.count("open") === 1);
  });

  it("a state() or an admit() that throws leaves no connection open", () => {
    for (const name of ["state", "admit"] as const) {
      const engine = bench.engine();
      const socket = Socket.listen({ host: "127.0.0.1" });
      const port = portOf(socket);
      const fail = () => {
        throw new Error("no");
      };
      engine.listen(socket, { handler: new Recorder(), state: () => "A", [name]: fail });
      const peer = bench.dial(port);
      expect(() => turnUntil(engine, () => false)).toThrow("no");
      expect(receive(peer, 1).length).toBe(0); // it was closed, and does not wait
      expect(engine.active).toBe(0);
    }
  });

  it("a connect whose options can't be set is one that failed, and leaves nothing open", () => {
    const engine = bench.engine();
    const recorder = new Recorder();
    const listener = bench.keep(Socket.listen({ host: "127.0.0.1" }));
    const { setsockopt } = c;
    (c as any).setsockopt = (...args: any[]) => {
      if (args[1] !== IPPROTO_TCP) return (setsockopt as any)(...args);
      setErrno(ERRNO.EINVAL!);
      return -1;
    };
    try {
      engine.connect({ host: "127.0.0.1", port: portOf(listener) }, recorder, "A");
    } finally {
      (c as any).setsockopt = setsockopt;
    }
    turnFor(engine, 5);
    expect(recorder.calls).toEqual(["close A EINVAL"]);
    expect(engine.active).toBe(0);
    const accepted = bench.keep(acceptSoon(listener)); // it had connected, and was closed
    expect(receive(accepted, 1).length).toBe(0);
  });
}
