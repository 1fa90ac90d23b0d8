/** How late the timers of a thread are: messages that are due within that time can as well leave together. */
import type { Engine } from "../../engine/mod.ts";
import { now as clock } from "../../sys/clock.ts";
import type { TimerError } from "../plan/plan.ts";

/** As long as the time between two messages at 10,000 a second. */
const SLEEP_MS = 0.1;
const SLEEPS = 200;
/** Later than this it is not the timer: the thread had no CPU. */
const MOST_MS = 0.3;

/** Sleeps some hundred times, for a fraction of a millisecond each; takes 20 to 50 ms in all. */
export function measureTimer(engine: Engine): TimerError {
  const late: number[] = [];
  for (let i = 0; i < SLEEPS; i++) {
    const due = clock() + SLEEP_MS;
    let over = false;
    engine.after(SLEEP_MS, () => over = true);
    while (!over) engine.turn();
    late.push(clock() - due);
  }
  late.sort((a, b) => a - b);
  const at = (share: number) => late[Math.floor(share * SLEEPS)]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), togetherMs: Math.min(at(0.99), MOST_MS) };
}
