/** Looking for what takes too long: connects, replies, and peers that do not send FIN. */
import { targetName } from "../../net/connect.ts";
import { now as clock } from "../../sys/clock.ts";
import { ERRNO } from "../../sys/errno.ts";
import { lateOpening } from "../../tls/mod.ts";
import type { Flow, Peer } from "./connections/flow.ts";
import type { Load } from "./load.ts";
import { PATIENCE_MS } from "./patience.ts";

/** The longest time between looks at the command: a thread that is still connecting can't be woken. */
const MAX_SWEEP_MS = 250;

/** So many connections at least have what has come received in a turn that has much to do. */
const PER_TURN = 16;
const NOBODY: ReadonlySet<Peer> = new Set();

/**
 * Looks at all connections of a load, a few times per timeout, from now on. One that is late gets a
 * second one: this process may have been stopped, and the replies may be there.
 */
export function sweep(load: Load, lateBefore: ReadonlySet<Peer> = NOBODY): void {
  const late = new Set<Peer>();
  const { target, timeoutMs } = load.part.plan;
  const now = clock();
  load.tally.waiting.reset();
  load.peers.each((peer) => {
    const flow = peer.state;
    const isAgain = lateBefore.has(peer);
    if (flow.leaving && now - flow.progressAt > PATIENCE_MS) {
      if (isAgain) peer.close();
      else late.add(peer);
    }
    if (flow.replies.broken) return; // what is awaited now is evidence
    const waiting = now - waitingSince(load, peer, flow);
    noteSlow(load, peer, waiting);
    if (waiting < timeoutMs) return;
    if (!isAgain) return void late.add(peer);
    load.engine.counters.countError(ERRNO.ETIMEDOUT!, Math.max(1, flow.inFlight)); // or its connect
    if (!flow.opened) load.tally.failure(lateOpening(peer, targetName(target), timeoutMs));
    load.tally.timeout(flow.inFlight);
    flow.timedOut = true;
    load.slow.ask();
    peer.close();
  });
  load.slow.ask();
  if (late.size > 0 && lateBefore === NOBODY) lookAgain(load, late, 2 + load.peers.size / PER_TURN);
  else load.engine.after(Math.min(Math.max(timeoutMs / 8, 1), MAX_SWEEP_MS), () => sweep(load));
}

/** Sweeps after so many turns, which do not wait. */
function lookAgain(load: Load, late: ReadonlySet<Peer>, turns: number): void {
  load.engine.after(0, () => turns > 0 ? lookAgain(load, late, turns - 1) : sweep(load, late));
}

/** A connection that waits for a reply is slow before the reply is there, and also if it never comes. */
function noteSlow(load: Load, peer: Peer, waiting: number): void {
  const flow = peer.state;
  if (!load.paced || !flow.opened || flow.inFlight === 0) return;
  if (flow.oldestDueAt >= load.received.countFrom) {
    load.slow.note(peer, load.numberOf(flow), waiting);
    load.tally.waiting.record(waiting);
  }
}

/** Since when a connection waits for the peer; Infinity when it does not. */
function waitingSince({ paced }: Load, peer: Peer, flow: Flow): number {
  if (!flow.opened) return flow.startedAt;
  if (flow.finished) return Infinity;
  if (paced) return flow.inFlight > 0 ? flow.oldestSentAt : Infinity;
  return peer.queued > 0 ? flow.progressAt : Infinity;
}
