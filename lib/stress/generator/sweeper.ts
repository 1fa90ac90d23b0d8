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

/** Looks at all connections of a load, a few times per timeout, from now on. */
export function sweep(load: Load): void {
  const { target, timeoutMs } = load.part.plan;
  const now = clock();
  load.tally.waiting.reset();
  load.peers.each((peer) => {
    const flow = peer.state;
    if (flow.leaving && now - flow.progressAt > PATIENCE_MS) peer.close();
    const waiting = now - waitingSince(load, peer, flow);
    noteSlow(load, peer, waiting);
    if (flow.replies.broken || waiting < timeoutMs) return;
    load.engine.counters.countError(ERRNO.ETIMEDOUT!, Math.max(1, flow.inFlight)); // or its connect
    if (!flow.opened) load.tally.failure(lateOpening(peer, targetName(target), timeoutMs));
    load.tally.timeout(flow.inFlight);
    flow.timedOut = true;
    load.slow.ask();
    peer.close();
  });
  load.slow.ask();
  load.engine.after(Math.min(Math.max(timeoutMs / 8, 1), MAX_SWEEP_MS), () => sweep(load));
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
