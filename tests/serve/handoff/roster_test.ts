// The memory that loops and handler workers share: who may do what, and what becomes of a worker that
// dies or is replaced at any moment. Single-threaded: every interleaving that matters, step by step.
import { afterEach, describe, expect, it } from "bun:test";
import { socketPair } from "../../../lib/net/mod.ts";
import { HandlerDesk } from "../../../lib/serve/handoff/handler_desk.ts";
import {
  AREA_BYTES,
  CELL,
  Roster,
  rosterMemory,
  STATE,
  VERDICT,
} from "../../../lib/serve/handoff/roster.ts";
import type { Lease, Outcome } from "../../../lib/serve/handoff/workplace.ts";
import { eventfd } from "../../../lib/sys/linux/epoll.ts";
import { c, closeFd, isOpen } from "../../../lib/sys/posix.ts";
import { encode } from "../../support/sockets.ts";
import { itUnless } from "../../support/systems.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const NO_EVENTFD = process.platform === "linux" ? undefined : "only Linux has eventfds";

describe("Roster", () => {
  it("changes a state only from what it is, for the generation that it is", () => {
    const roster = new Roster(rosterMemory(1, 2));
    const generation = roster.renew(1);
    expect(roster.move(1, STATE.vacant, STATE.idle)).toBe(true);
    expect(roster.move(1, STATE.vacant, STATE.idle)).toBe(false);
    expect(roster.move(1, STATE.idle, STATE.claimed, generation + 1)).toBe(false);
    expect([roster.state(0), roster.state(1)]).toEqual([STATE.vacant, STATE.idle]);
    roster.renew(1);
    expect(roster.move(1, STATE.idle, STATE.done, generation)).toBe(false); // its predecessor
    expect([roster.state(1), roster.generation(1)]).toEqual([STATE.vacant, generation + 1]);
  });

  it("keeps workers' numbers, bytes and large numbers apart", () => {
    const roster = new Roster(rosterMemory(2, 3));
    for (let worker = 0; worker < 3; worker++) {
      roster.write(worker, new Uint8Array(AREA_BYTES).fill(worker + 1));
      roster.set(worker, CELL.connection, 10 + worker);
      roster.setLarge(worker, CELL.bytesIn, 5_000_000_000 * (worker + 1));
      roster.setLarge(worker, CELL.bytesOut, 4_294_967_295);
    }
    for (let worker = 0; worker < 3; worker++) {
      expect(roster.read(worker).every((byte) => byte === worker + 1)).toBe(true);
      expect(roster.get(worker, CELL.connection)).toBe(10 + worker);
      expect(roster.getLarge(worker, CELL.bytesIn)).toBe(5_000_000_000 * (worker + 1));
      expect(roster.getLarge(worker, CELL.bytesOut)).toBe(4_294_967_295);
    }
  });

  it("knows who has waited longest, also when tickets start again", () => {
    const roster = new Roster(rosterMemory(3, 1));
    expect(roster.longestWaiting()).toBe(-1);
    roster.setTicket(2, 5);
    roster.setTicket(0, 7);
    expect(roster.longestWaiting()).toBe(2);
    roster.setTicket(2, 0);
    expect(roster.longestWaiting()).toBe(0);
    const [old, young] = [2 ** 31 - 2, -(2 ** 31) + 3]; // five later
    roster.setTicket(0, young);
    roster.setTicket(1, old);
    expect(roster.longestWaiting()).toBe(1);
  });
});

describe("HandlerDesk", () => {
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const item of open.splice(0)) item.close();
  });

  /** A desk of loop 0 for one worker, and the worker's side of it. */
  function setUp() {
    const memory = rosterMemory(2, 1);
    const roster = new Roster(memory);
    const generation = roster.renew(0);
    roster.move(0, STATE.vacant, STATE.idle);
    const [client, server] = socketPair();
    const wakeFd = eventfd();
    open.push(client, server, { close: () => closeFd(wakeFd) });
    const told: string[] = [];
    const later: (() => void)[] = [];
    const desk = new HandlerDesk(memory, 0, wakeFd, {
      after: (_, callback) => later.push(callback),
      moved: (received, sent) => told.push(`moved ${received} ${sent}`),
      vacant: (worker) => told.push(`vacant ${worker}`),
      stuck: (worker, g) => told.push(`stuck ${worker} ${g}`),
    });
    const lease = (bytes = NOTHING): Lease => ({
      ...{ fd: server.fileno(), bytes, connection: 4, handoff: 2, peer: "A", worker: 0 },
    });
    const results = (): [Lease, Outcome][] => {
      const all: [Lease, Outcome][] = [];
      desk.collect((lease, outcome) => all.push([lease, outcome]));
      return all;
    };
    const wokenTimes = () => {
      const count = new BigInt64Array(new ArrayBuffer(8));
      return c.readBytes(wakeFd, new Uint8Array(count.buffer), 8) === 8 ? Number(count[0]) : 0;
    };
    return { desk, roster, generation, lease, results, told, later, memory, wakeFd, wokenTimes };
  }
  /** What a worker does: takes the connection, and closes its duplicate. */
  const work = (roster: Roster, verdict: number, bytes = NOTHING) => {
    expect(roster.move(0, STATE.given, STATE.busy)).toBe(true);
    closeFd(roster.get(0, CELL.fd));
    roster.set(0, CELL.fd, -1);
    expect(roster.move(0, STATE.busy, STATE.finishing)).toBe(true);
    roster.write(0, bytes);
    roster.set(0, CELL.verdict, verdict);
    expect(roster.move(0, STATE.finishing, STATE.done)).toBe(true);
  };

  const on = (name: string, body: () => void) => itUnless(NO_EVENTFD, name, body);

  on("hands over with the bytes, once, and brings the outcome back, once", () => {
    const { desk, roster, lease, results } = setUp();
    expect(desk.claim()).toBe(0);
    expect(desk.claim()).toBe(undefined);
    desk.begin(lease(encode("ahead")));
    expect([roster.get(0, CELL.connection), roster.get(0, CELL.handoff)]).toEqual([4, 2]);
    expect(roster.get(0, CELL.fd)).not.toBe(lease().fd); // a duplicate
    expect(roster.read(0)).toEqual(encode("ahead"));
    expect(results()).toEqual([]);
    work(roster, VERDICT.keep, encode("back"));
    expect(results().map(([, outcome]) => outcome)).toEqual([
      { kind: "keep", bytes: encode("back"), taken: 0 },
    ]);
    expect(results()).toEqual([]);
    expect(desk.claim()).toBe(0);
  });

  on("of a loop that takes over from a dead one lets nobody wait for that", () => {
    const { roster, memory, wakeFd } = setUp();
    roster.setTicket(1, 5); // the dead one's
    const help = { after() {}, moved() {}, vacant() {}, stuck() {} };
    expect(roster.longestWaiting()).toBe(1);
    new HandlerDesk(memory, 1, wakeFd, help);
    expect(roster.longestWaiting()).toBe(-1);
    expect(new HandlerDesk(memory, 0, wakeFd, help).claim()).toBe(0);
  });

  const deaths: [when: string, from: number, to: number, outcome: string][] = [
    ["before it takes it", STATE.given, STATE.untouched, "untouched"],
    ["while it has it", STATE.busy, STATE.crashed, "failed"],
    ["when it is done", STATE.done, STATE.doneAndGone, "close"],
  ];
  for (const [when, from, to, kind] of deaths) {
    on(`a worker that dies ${when}: ${kind}; its place is vacant, its descriptor closed`, () => {
      const { desk, roster, lease, results, told } = setUp();
      desk.claim();
      desk.begin(lease());
      const fd = roster.get(0, CELL.fd);
      if (from === STATE.busy) roster.move(0, STATE.given, STATE.busy);
      if (from === STATE.done) work(roster, VERDICT.close);
      expect(roster.move(0, from, to)).toBe(true); // what the main thread does
      expect(results().map(([, outcome]) => outcome.kind as string)).toEqual([kind]);
      expect(roster.state(0)).toBe(STATE.vacant);
      expect(told.at(-1)).toBe("vacant 0");
      expect(isOpen(fd)).toBe(false);
      expect(isOpen(lease().fd)).toBe(true);
      expect(desk.claim()).toBe(undefined);
    });
  }

  on("a worker that dies between claim and begin: untouched", () => {
    const { desk, roster, lease, results, wokenTimes } = setUp();
    desk.claim();
    roster.move(0, STATE.claimed, STATE.untouched);
    desk.begin(lease());
    expect(wokenTimes()).toBe(1); // nobody else would say that there is an outcome
    expect(results().map(([, outcome]) => outcome.kind as string)).toEqual(["untouched"]);
  });

  on("abandon(): the outcome is nobody's any more, whenever that is said", () => {
    for (const at of ["given", "busy", "finishing", "done"] as const) {
      const { desk, roster, lease, results } = setUp();
      desk.claim();
      const handed = lease();
      desk.begin(handed);
      if (at !== "given") roster.move(0, STATE.given, STATE.busy);
      if (at === "finishing" || at === "done") roster.move(0, STATE.busy, STATE.finishing);
      if (at === "done") roster.move(0, STATE.finishing, STATE.done);
      closeFd(roster.get(0, CELL.fd));
      roster.set(0, CELL.fd, -1);
      desk.abandon(handed);
      expect(roster.state(0)).toBe(at === "done" ? STATE.idle : STATE.orphaned);
      expect(results()).toEqual([]);
    }
  });

  on("abandon(): who has not come back after a while is stuck, and nobody else", () => {
    const { desk, roster, lease, told, later, generation } = setUp();
    const hand = (connection: number) => {
      expect(desk.claim()).toBe(0);
      const handed = { ...lease(), connection };
      desk.begin(handed);
      closeFd(roster.get(0, CELL.fd));
      roster.set(0, CELL.fd, -1);
      desk.abandon(handed);
    };
    hand(1);
    roster.move(0, STATE.orphaned, STATE.idle); // it has come back
    later[0]!();
    hand(2); // and is away again, but not for long yet
    later[0]!();
    expect(told).toEqual([]);
    later[1]!();
    expect(told).toEqual([`stuck 0 ${generation}`]);
  });

  on("waits its turn among loops: the other one first, which is woken", () => {
    const { desk, roster, memory, wakeFd, wokenTimes } = setUp();
    const other = new HandlerDesk(memory, 1, wakeFd, {
      ...{ after() {}, moved() {}, vacant() {}, stuck() {} },
    });
    other.waiting(other.nextTicket());
    desk.waiting(desk.nextTicket());
    expect(desk.claim()).toBe(undefined);
    expect(wokenTimes()).toBe(1);
    expect(other.claim()).toBe(0);
    roster.move(0, STATE.claimed, STATE.idle);
    other.waiting(0); // nobody waits there any more: it says so to the next
    expect(wokenTimes()).toBe(1);
    expect(desk.claim()).toBe(0);
  });

  on("the successor of a loop that died frees the workers that it has left behind", () => {
    const { desk, roster, lease, memory, wakeFd } = setUp();
    desk.claim();
    desk.begin(lease());
    work(roster, VERDICT.keep);
    const help = { after() {}, moved() {}, vacant() {}, stuck() {} };
    const successor = new HandlerDesk(memory, 0, wakeFd, help);
    expect(roster.state(0)).toBe(STATE.idle);
    expect(successor.claim()).toBe(0);
  });
});
