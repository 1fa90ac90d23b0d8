/** Giving signals a chance: their listeners run on the event loop, which blocking waits hold up. */

/**
 * Lets signal listeners run. It takes a millisecond or two, so not after every step: `setImmediate` is
 * a thousand times faster, but Deno needs some 25 of them to come to a signal.
 */
export const yieldToSignals = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
