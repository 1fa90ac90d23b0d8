// Time in tests: how long something took, and waiting for what comes soon.

/** For what comes soon: far longer than it takes on a busy machine. */
export const PATIENCE_MS = 20_000;

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Waits without yielding. */
export const block = (ms: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Runs a function and tells how long it took, in milliseconds. */
export function timed<R>(action: () => R): { result: R; ms: number } {
  const start = performance.now();
  const result = action();
  return { result, ms: performance.now() - start };
}

/** Yields until the condition holds, or until the time has passed; returns whether it holds. */
export async function until(condition: () => boolean, withinMs = PATIENCE_MS): Promise<boolean> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline;) {
    if (condition()) return true;
    await sleep(5);
  }
  return condition();
}

/** Asks again and again, without yielding, until the answer is `wanted` or the time has passed. */
export function settles<R>(ask: () => R, wanted: R, withinMs = PATIENCE_MS): R {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = ask();
    if (answer === wanted || performance.now() > deadline) return answer;
  }
}

export const median = (numbers: number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
