// The four kinds of load. Each runs for so many seconds and blocks its process.
import { isAffected } from "../../lib/serve/faults/options.ts";
import type { OSError } from "../../lib/net/mod.ts";
import type { Driver, Peer, Role, Seen } from "./driver.ts";

/** Attempts to connect that go on at the same time, at most. */
const CONNECTING = 128;

/** What a scenario's load is told. */
export interface LoadOptions {
  readonly seconds: number;
  readonly connections: number;
  /** Called when all connections are there, and the time begins. */
  begun(): void;
}

/** Keeps dialling until all have been opened or have failed. */
function connectAll(driver: Driver, count: number, role: Role): void {
  const { seen } = driver;
  driver.until(() => {
    const settled = seen.opened + seen.failed;
    while (seen.dialled < count && seen.dialled - settled < CONNECTING) driver.dial(role);
    return settled === count;
  }, 60);
}

/** Live connections: each sends a message, waits for all of it, rests a while, and so on. */
export function traffic(driver: Driver, { connections, seconds, begun }: LoadOptions): Seen {
  let stopping = false;
  const next = (peer: Peer) => {
    if (!stopping) driver.send(peer, driver.between(1, 2000));
  };
  const rest = (peer: Peer) => {
    if (!stopping) driver.engine.after(driver.between(0, 2000), () => next(peer));
  };
  connectAll(driver, connections, {
    opened: rest,
    received: (peer) => void (peer.state.answered && rest(peer)),
  });
  begun();
  const startedAt = performance.now();
  driver.until(() => false, seconds);
  stopping = true;
  const waiting = () => [...driver.peers].some((peer) => !peer.state.answered);
  driver.until(() => !waiting(), 20);
  return driver.finish(startedAt);
}

/** Connections that come and go: one message each, and then an end in one of three ways. */
export function churn(driver: Driver, { connections: rate, seconds, begun }: LoadOptions): Seen {
  const role: Role = {
    opened: (peer) => driver.send(peer, driver.between(1, 4000)),
    received(peer) {
      if (!peer.state.answered) return;
      const way = driver.between(1, 4);
      if (way === 1) return driver.reset(peer);
      if (way === 2) {
        peer.state.done = true;
        return peer.close();
      }
      peer.end(); // and then waits for the server's
    },
  };
  begun();
  const startedAt = performance.now();
  const dialDue = () => {
    const due = Math.floor(Math.min(performance.now() - startedAt, seconds * 1000) / 1000 * rate);
    while (driver.seen.dialled < due) driver.dial(role);
    if (driver.seen.dialled < seconds * rate) driver.engine.after(2, dialDue);
  };
  dialDue();
  driver.until(() => driver.seen.dialled === seconds * rate, seconds + 10);
  const dialled = performance.now() - startedAt;
  driver.until(() => driver.peers.size === 0, 20);
  return { ...driver.finish(startedAt), seconds: dialled / 1000 };
}

/** Readers that send all they can and read next to nothing, and a few brisk ones among them. */
export function slow(driver: Driver, { connections, seconds, begun }: LoadOptions): Seen {
  let stopping = false;
  const pump = (peer: Peer) => {
    while (!stopping && !peer.closed && peer.queued === 0) driver.send(peer, 65_536);
  };
  const reader: Role = {
    lazy: true,
    opened: pump,
    writable: pump,
    received(peer) {
      if (stopping) return;
      peer.pause();
      driver.engine.after(driver.between(50, 250), () => peer.resume());
    },
  };
  const brisk: Role = {
    opened: (peer) => driver.send(peer, 500),
    received(peer) {
      if (peer.state.answered && !stopping) driver.engine.after(10, () => driver.send(peer, 500));
    },
  };
  connectAll(driver, connections, reader);
  connectAll(driver, connections + 20, brisk);
  begun();
  const startedAt = performance.now();
  driver.until(() => false, seconds);
  stopping = true;
  for (const peer of driver.peers) peer.resume();
  driver.until(() => [...driver.peers].every((peer) => peer.state.answered), 60);
  return driver.finish(startedAt);
}

/** What the server of the last scenario does to some of its connections. */
export const FAULTS = { percent: 30, closeAfter: 40_000 };

/** A server with faults, and clients that have their own. */
export function faults(driver: Driver, { connections, seconds, begun }: LoadOptions): Seen {
  let stopping = false;
  const cut = (peer: Peer) => isAffected(driver.seed, peer.state.index, FAULTS.percent);
  /** All that was sent comes back, or exactly so much of it. */
  const ended = (peer: Peer) => {
    const { verifier, sent } = peer.state;
    const cutOff = cut(peer) && sent > FAULTS.closeAfter;
    const expected = cutOff ? FAULTS.closeAfter : sent;
    peer.state.done = verifier.offset === expected;
    if (cutOff && peer.state.done) driver.seen.cuts++;
    peer.close();
  };
  /** A second after the cut the server is gone; a load that had no CPU so long finds that out by sending. */
  const failed = (peer: Peer, { code }: OSError) => {
    const { verifier, sent, since } = peer.state;
    const late = cut(peer) && sent > FAULTS.closeAfter && verifier.offset <= FAULTS.closeAfter &&
      (code === "EPIPE" || code === "ECONNRESET") && performance.now() - since > 1000;
    if (late) driver.seen.late++, driver.seen.cuts++;
    return late;
  };
  const later = (ms: number, act: () => void) => void driver.engine.after(ms, act);
  const inParts = (peer: Peer, parts: number, each: number) => {
    driver.send(peer, driver.between(1, each));
    if (parts > 1) later(driver.between(0, 20), () => inParts(peer, parts - 1, each));
    else peer.end();
  };
  const kinds: Role[] = [
    { ended, failed, opened: (peer) => inParts(peer, 12, 10_000) }, // of which some are cut
    { ended, failed, opened: (peer) => inParts(peer, 3, 10_000) },
    { ended, failed, opened: (peer) => (driver.send(peer, 60_000), peer.end()) },
    { ended, failed, opened: (peer) => later(200, () => peer.end()) }, // says nothing
    {
      ended,
      failed,
      opened: (
        peer,
      ) => (driver.send(peer, 20_000), later(driver.between(0, 30), () => driver.reset(peer))),
    },
    { // never reads
      ended,
      failed,
      opened: (
        peer,
      ) => (peer.pause(), driver.send(peer, 500_000), later(300, () => driver.reset(peer))),
    },
  ];
  begun();
  const startedAt = performance.now();
  const refill = () => {
    while (!stopping && driver.peers.size < connections) {
      driver.dial(kinds[driver.between(0, kinds.length - 1)]!);
    }
    if (!stopping) later(5, refill);
  };
  refill();
  driver.until(() => false, seconds);
  stopping = true;
  driver.until(() => driver.peers.size === 0, 20);
  return driver.finish(startedAt);
}
