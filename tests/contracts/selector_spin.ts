// The spin guard: who never uses what it is told is reported once; who does, however busily, never.
import { expect, it } from "bun:test";
import {
  EVENT_READ,
  EVENT_WRITE,
  type Selector,
  type SpinReport,
} from "../../lib/selectors/mod.ts";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import { Native } from "../../lib/sys/ffi.ts";
import { c } from "../../lib/sys/posix.ts";
import { system } from "../../lib/sys/system.ts";
import { acceptSoon, encode, fill, ownership, portOf, tcpPair } from "../support/sockets.ts";
import { itUnless } from "../support/systems.ts";
import type { Create } from "./create.ts";

const BOTH = EVENT_READ | EVENT_WRITE;
/** More than enough: 1000 waits make suspicious, 64 looks make sure. */
const WAITS = 3000;
const NO_COUNTS = system === "linux"
  ? undefined
  : `${system} has no counts of what was read and written`;
const NO_TCP_COUNTS = system === "linux" ? withoutTcpInfo() : undefined;

/** Why there are no counts of TCP sockets: qemu's emulation of Linux answers with 4 bytes only. */
function withoutTcpInfo(): string | undefined {
  using socket = Socket.listen({ host: "127.0.0.1" });
  const IPPROTO_TCP = 6, TCP_INFO = 11;
  const [info, size] = [new Native(136), new Native(8)];
  size.int32[0] = info.length;
  c.getsockopt(socket.fileno(), IPPROTO_TCP, TCP_INFO, info.pointer, size.pointer);
  if (size.int32[0] !== info.length) return `TCP_INFO has ${size.int32[0]} of 136 bytes`;
}

export function spinCases(create: Create): void {
  const own = ownership();

  /** A selector, and the reports that it gives. */
  const watched = (): [Selector, SpinReport<unknown>[]] => {
    const [selector] = own(create());
    const reports: SpinReport<unknown>[] = [];
    selector.onSpin = (report) => void reports.push(report);
    return [selector, reports];
  };
  const waitOften = (selector: Selector, handler: () => void = () => {}, how = "dispatch") => {
    for (let i = 0; i < WAITS; i++) {
      if (how === "dispatch") selector.dispatch(1000, handler);
      else for (const _ of selector.select(1000)) handler();
    }
  };

  for (const how of ["dispatch", "select"]) {
    itUnless(
      NO_COUNTS,
      `${how}: data that nobody reads is reported once, with descriptor and peer`,
      () => {
        const [selector, reports] = watched();
        const [a, b] = own(...tcpPair());
        const key = selector.register(a, EVENT_READ);
        b.send(encode("x"));
        waitOften(selector, undefined, how);
        waitOften(selector, undefined, how);
        expect(reports.length).toBe(1);
        const [report] = reports;
        const peer = `127.0.0.1:${(a.remoteAddress as { port: number }).port}`;
        expect([report!.key, report!.events, report!.peer]).toEqual([key, EVENT_READ, peer]);
        expect(report!.waits).toBeGreaterThan(1000);
        expect(report!.message).toContain(`Descriptor ${a.fileno()} (connected to ${peer})`);
      },
    );

    it(`${how}: an end of stream that nobody acts on is reported, though it is "read"`, () => {
      const [selector, reports] = watched();
      const [a, b] = own(...tcpPair());
      selector.register(a, EVENT_READ);
      b.close();
      const buffer = new Uint8Array(16);
      waitOften(selector, () => a.recv(buffer), how);
      expect(reports.map(({ events }) => events)).toEqual([EVENT_READ]);
    });

    const interest = `${how}: an interest in writing that nobody has is reported`;
    itUnless(NO_COUNTS ?? NO_TCP_COUNTS, interest, () => {
      const [selector, reports] = watched();
      const [a] = own(...tcpPair());
      selector.register(a, BOTH);
      waitOften(selector, undefined, how);
      expect(reports.map(({ events }) => events)).toEqual([EVENT_WRITE]);
      expect(reports[0]!.message).toContain("only while there is something to send");
    });

    const listening = `${how}: a listener that nobody accepts from is reported`;
    itUnless(NO_TCP_COUNTS, listening, () => {
      const [selector, reports] = watched();
      const [listener] = own(Socket.listen({ host: "127.0.0.1" }));
      selector.register(listener, EVENT_READ);
      own(Socket.connect({ port: portOf(listener), timeoutMs: 1000 }));
      waitOften(selector, undefined, how);
      // Elsewhere than on Linux nothing is known of how many wait at a listener.
      expect(reports.length).toBe(system === "linux" ? 1 : 0);
      acceptSoon(listener).close();
    });

    it(`${how}: busy connections are never reported: the same bytes back and forth`, () => {
      const [selector, reports] = watched();
      const buffer = new Uint8Array(64);
      for (const [a, b] of [own(...tcpPair()), own(...socketPair())]) {
        selector.register(a, EVENT_READ);
        b.send(encode("ping"));
        waitOften(selector, () => {
          if (a.recv(buffer) > 0) b.send(encode("ping"));
        }, how);
        selector.unregister(a);
      }
      expect(reports).toEqual([]);
    });

    it(`${how}: a large backlog that is read little by little is never reported`, () => {
      const [selector, reports] = watched();
      const [a, b] = own(...socketPair());
      selector.register(a, EVENT_READ);
      fill(b);
      const byte = new Uint8Array(1);
      waitOften(selector, () => void a.recv(byte), how);
      expect(reports).toEqual([]);
    });
  }

  it("who only looks, with select(0), does not wait in vain and is never reported", () => {
    const [selector, reports] = watched();
    const [a] = own(...tcpPair());
    selector.register(a, EVENT_WRITE);
    for (let i = 0; i < WAITS; i++) selector.select(0);
    expect(reports).toEqual([]);
  });

  it("a writer that writes is never reported, while its peer reads", () => {
    const [selector, reports] = watched();
    const [a, b] = own(...tcpPair());
    const buffer = new Uint8Array(4096);
    selector.register(a, EVENT_WRITE);
    waitOften(selector, () => {
      a.send(encode("data"));
      b.recv(buffer);
    });
    expect(reports).toEqual([]);
  });
}
