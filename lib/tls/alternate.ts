/** Driving a thread's loop: straight through, or in alternation with the runtime's event loop. */
import type { Engine } from "../engine/mod.ts";
import type { TlsEndpoint } from "./session.ts";

/** How long a turn waits at most for the next event, while node:tls may still be at work. */
const MAX_WAIT_MS = 10;

/** A loop that yields after each turn of its engine. */
export type Loop<R> = Generator<void, R>;

/** Runs a loop to its end. Blocks its thread. */
export function runThrough<R>(loop: Loop<R>): R {
  for (;;) {
    const step = loop.next();
    if (step.done) return step.value;
  }
}

/**
 * Runs a loop to its end. With an asynchronous endpoint, whose sessions need turns of the runtime's event
 * loop, the two alternate; without one it blocks its thread as ever, and costs nothing more.
 */
export async function alternate<R>(
  loop: Loop<R>,
  engine: Engine,
  endpoint: TlsEndpoint | undefined,
): Promise<R> {
  if (!endpoint?.asynchronous) return runThrough(loop);
  for (;;) {
    // An idle server waits without a limit, as there is nobody whose bytes could be under way.
    const limit = engine.active > 0 ? engine.after(MAX_WAIT_MS, () => {}) : undefined;
    const step = loop.next();
    limit?.cancel();
    if (step.done) return step.value;
    await endpoint.settled();
  }
}
