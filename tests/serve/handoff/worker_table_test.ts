// The memory that loops and handler workers share: who may do what, and what becomes of a worker that
// dies or is replaced at any moment. Single-threaded: every interleaving that matters, step by step.
import { afterEach, describe, expect, it } from "bun:test";
import { socketPair } from "../../../lib/net/mod.ts";
import { HandlerExecutor } from "../../../lib/serve/handoff/handler_executor.ts";
import {
  AREA_BYTES,
  CELL,
  STATE,
  VERDICT,
  WorkerTable,
  workerTableMemory,
} from "../../../lib/serve/handoff/worker_table.ts";
import type { Lease, Outcome } from "../../../lib/serve/handoff/executor.ts";
import { eventfd } from "../../../lib/sys/linux/epoll.ts";
import { c, closeFd, isOpen } from "../../../lib/sys/posix.ts";
import { encode } from "../../support/sockets.ts";
import { itUnless } from "../../support/systems.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const NO_EVENTFD = process.platform === "linux" ? undefined : "only Linux has eventfds";

describe("WorkerTable", () => {
  it("changes a state only from what it is, for the generation that it is", () => {
    const table = new WorkerTable(workerTableMemory(1, 2));
    const generation = table.renew(1);
    expect(table.move(1, STATE.vacant, STATE.idle)).toBe(true);
    expect(table.move(1, STATE.vacant, STATE.idle)).toBe(false);
    expect(table.move(1, STATE.idle, STATE.claimed, generation + 1)).toBe(false);
    expect([table.state(0), table.state(1)]).toEqual([STATE.vacant, STATE.idle]);
    table.renew(1);
    expect(table.move(1, STATE.idle, STATE.done, generation)).toBe(false); // its predecessor
    expect([table.state(1), table.generation(1)]).toEqual([STATE.vacant, generation + 1]);
  });

  it("keeps workers' numbers, bytes and large numbers apart", () => {
    const table = new WorkerTable(workerTableMemory(2, 3));
    for (let worker = 0; worker < 3; worker++) {
      table.write(worker, new Uint8Array(AREA_BYTES).fill(worker + 1));
      table.set(worker, CELL.connection, 10 + worker);
      table.setLarge(worker, CELL.bytesIn, 5_000_000_000 * (worker + 1));
      table.setLarge(worker, CELL.bytesOut, 4_294_967_295);
    }
    for (let worker = 0; worker < 3; worker++) {
      expect(table.read(worker).every((byte) => byte === worker + 1)).toBe(true);
      expect(table.get(worker, CELL.connection)).toBe(10 + worker);
      expect(table.getLarge(worker, CELL.bytesIn)).toBe(5_000_000_000 * (worker + 1));
      expect(table.getLarge(worker, CELL.bytesOut)).toBe(4_294_967_295);
    }
  });

  it("generations and numbers of connections wrap around", () => {
    const table = new WorkerTable(workerTableMemory(1, 1));
    const last = 2 ** 28 - 1;
    table.set(0, CELL.state, (last - 1) << 4 | STATE.vacant);
    expect([table.generation(0), table.state(0)]).toEqual([last - 1, STATE.vacant]);
    for (const generation of [last, 0, 1]) {
      const before = table.generation(0);
      expect(table.renew(0)).toBe(generation);
      expect(table.move(0, STATE.vacant, STATE.idle, before)).toBe(false);
      expect(table.move(0, STATE.vacant, STATE.done, generation)).toBe(true);
      expect([table.generation(0), table.state(0)]).toEqual([generation, STATE.done]);
    }
    table.cells[0] = 0x7ffffffe;
    expect([1, 2, 3].map(() => table.nextConnection())).toEqual([0x7fffffff, 0, 1]);
  });

  it("knows who has waited longest, also when tickets start again", () => {
    const table = new WorkerTable(workerTableMemory(3, 1));
    expect(table.longestWaiting()).toBe(-1);
    table.setTicket(2, 5);
    table.setTicket(0, 7);
    expect(table.longestWaiting()).toBe(2);
    table.setTicket(2, 0);
    expect(table.longestWaiting()).toBe(0);
    const [old, young] = [2 ** 31 - 2, -(2 ** 31) + 3]; // five later
    table.setTicket(0, young);
    table.setTicket(1, old);
    expect(table.longestWaiting()).toBe(1);
  });
});

describe("HandlerExecutor", () => {
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const item of open.splice(0)) item.close();
  });

  /** A desk of loop 0 for one worker, and the worker's side of it. */
  function setUp() {
    const memory = workerTableMemory(2, 1);
    const table = new WorkerTable(memory);
    const generation = table.renew(0);
    table.move(0, STATE.vacant, STATE.idle);
    const [client, server] = socketPair();
    const wakeFd = eventfd();
    open.push(client, server, { close: () => closeFd(wakeFd) });
    const told: string[] = [];
    const later: (() => void)[] = [];
    const desk = new HandlerExecutor(memory, 0, wakeFd, {
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
    return { desk, table, generation, lease, results, told, later, memory, wakeFd, wokenTimes };
  }
  /** What a worker does: takes the connection, and closes its duplicate. */
  const work = (table: WorkerTable, verdict: number, bytes = NOTHING) => {
    expect(table.move(0, STATE.given, STATE.busy)).toBe(true);
    closeFd(table.get(0, CELL.fd));
    table.set(0, CELL.fd, -1);
    expect(table.move(0, STATE.busy, STATE.finishing)).toBe(true);
    table.write(0, bytes);
    table.set(0, CELL.verdict, verdict);
    expect(table.move(0, STATE.finishing, STATE.done)).toBe(true);
  };

  const on = (name: string, body: () => void) => itUnless(NO_EVENTFD, name, body);

  on("hands over with the bytes, once, and brings the outcome back, once", () => {
    const { desk, table, lease, results } = setUp();
    expect(desk.claim()).toBe(0);
    expect(desk.claim()).toBe(undefined);
    desk.start(lease(encode("ahead")));
    expect([table.get(0, CELL.connection), table.get(0, CELL.handoff)]).toEqual([4, 2]);
    expect(table.get(0, CELL.fd)).not.toBe(lease().fd); // a duplicate
    expect(table.read(0)).toEqual(encode("ahead"));
    expect(results()).toEqual([]);
    work(table, VERDICT.keep, encode("back"));
    expect(results().map(([, outcome]) => outcome)).toEqual([
      { kind: "keep", bytes: encode("back"), taken: 0 },
    ]);
    expect(results()).toEqual([]);
    expect(desk.claim()).toBe(0);
  });

  on("of a loop that takes over from a dead one lets nobody wait for that", () => {
    const { table, memory, wakeFd } = setUp();
    table.setTicket(1, 5); // the dead one's
    const help = { after() {}, moved() {}, vacant() {}, stuck() {} };
    expect(table.longestWaiting()).toBe(1);
    new HandlerExecutor(memory, 1, wakeFd, help);
    expect(table.longestWaiting()).toBe(-1);
    expect(new HandlerExecutor(memory, 0, wakeFd, help).claim()).toBe(0);
  });

  const deaths: [when: string, from: number, to: number, outcome: string][] = [
    ["before it takes it", STATE.given, STATE.untouched, "untouched"],
    ["while it has it", STATE.busy, STATE.crashed, "failed"],
    ["when it is done", STATE.done, STATE.doneAndGone, "close"],
  ];
  for (const [when, from, to, kind] of deaths) {
    on(`a worker that dies ${when}: ${kind}; its place is vacant, its descriptor closed`, () => {
      const { desk, table, lease, results, told } = setUp();
      desk.claim();
      desk.start(lease());
      const fd = table.get(0, CELL.fd);
      if (from === STATE.busy) table.move(0, STATE.given, STATE.busy);
      if (from === STATE.done) work(table, VERDICT.close);
      expect(table.move(0, from, to)).toBe(true); // what the main thread does
      expect(results().map(([, outcome]) => outcome.kind as string)).toEqual([kind]);
      expect(table.state(0)).toBe(STATE.vacant);
      expect(told.at(-1)).toBe("vacant 0");
      expect(isOpen(fd)).toBe(false);
      expect(isOpen(lease().fd)).toBe(true);
      expect(desk.claim()).toBe(undefined);
    });
  }

  on("a worker that dies between claim and start: untouched", () => {
    const { desk, table, lease, results, wokenTimes } = setUp();
    desk.claim();
    table.move(0, STATE.claimed, STATE.untouched);
    desk.start(lease());
    expect(wokenTimes()).toBe(1); // nobody else would say that there is an outcome
    expect(results().map(([, outcome]) => outcome.kind as string)).toEqual(["untouched"]);
  });

  on("abandon(): the outcome is nobody's any more, whenever that is said", () => {
    for (const at of ["given", "busy", "finishing", "done"] as const) {
      const { desk, table, lease, results } = setUp();
      desk.claim();
      const handed = lease();
      desk.start(handed);
      if (at !== "given") table.move(0, STATE.given, STATE.busy);
      if (at === "finishing" || at === "done") table.move(0, STATE.busy, STATE.finishing);
      if (at === "done") table.move(0, STATE.finishing, STATE.done);
      closeFd(table.get(0, CELL.fd));
      table.set(0, CELL.fd, -1);
      desk.abandon(handed);
      expect(table.state(0)).toBe(at === "done" ? STATE.idle : STATE.orphaned);
      expect(results()).toEqual([]);
    }
  });

  on("abandon(): who has not come back after a while is stuck, and nobody else", () => {
    const { desk, table, lease, told, later, generation } = setUp();
    const hand = (connection: number) => {
      expect(desk.claim()).toBe(0);
      const handed = { ...lease(), connection };
      desk.start(handed);
      closeFd(table.get(0, CELL.fd));
      table.set(0, CELL.fd, -1);
      desk.abandon(handed);
    };
    hand(1);
    table.move(0, STATE.orphaned, STATE.idle); // it has come back
    later[0]!();
    hand(2); // and is away again, but not for long yet
    later[0]!();
    expect(told).toEqual([]);
    later[1]!();
    expect(told).toEqual([`stuck 0 ${generation}`]);
  });

  on("waits its turn among loops: the other one first, which is woken", () => {
    const { desk, table, memory, wakeFd, wokenTimes } = setUp();
    const other = new HandlerExecutor(memory, 1, wakeFd, {
      ...{ after() {}, moved() {}, vacant() {}, stuck() {} },
    });
    other.waiting(other.nextTicket());
    desk.waiting(desk.nextTicket());
    expect(desk.claim()).toBe(undefined);
    expect(wokenTimes()).toBe(1);
    expect(other.claim()).toBe(0);
    table.move(0, STATE.claimed, STATE.idle);
    other.waiting(0); // nobody waits there any more: it says so to the next
    expect(wokenTimes()).toBe(1);
    expect(desk.claim()).toBe(0);
  });

  on("the successor of a loop that died frees the workers that it has left behind", () => {
    const { desk, table, lease, memory, wakeFd } = setUp();
    desk.claim();
    desk.start(lease());
    work(table, VERDICT.keep);
    const help = { after() {}, moved() {}, vacant() {}, stuck() {} };
    const successor = new HandlerExecutor(memory, 0, wakeFd, help);
    expect(table.state(0)).toBe(STATE.idle);
    expect(successor.claim()).toBe(0);
  });
});
