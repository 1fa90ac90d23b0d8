// A hammer: random register, modify, unregister, close, re-use, shutdown, reset and wake-ups on thousands
// of connections, against a model that says what every wait has to tell (tests/support/hammer/).
//
// IOMUX_SEED repeats a run, IOMUX_TEST_FULL makes it 2.5 s for each backend, IOMUX_HAMMER_MS as long as one
// likes.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { Socket } from "../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  type Selector,
  type SelectorKey,
} from "../lib/selectors/mod.ts";
import { c } from "../lib/sys/posix.ts";
import { type Action, actions } from "./support/hammer/actions.ts";
import { dispatchBatch } from "./support/hammer/batch.ts";
import { World } from "./support/hammer/world.ts";
import { tries } from "./support/runtime.ts";
import { ModelKqueue, ModelKqueueSelector } from "./support/model_kqueue.ts";

const LIMIT_MS = Number(process.env.IOMUX_HAMMER_MS ?? tries(2500));
const SEED = Number(process.env.IOMUX_SEED ?? Date.now() % 0x7fffffff);
const names = availableSelectors().filter((s) => s.available).map((s) => s.name);

/** How often each action is drawn. */
const weights: Record<Action["name"], number> = {
  connect: 5,
  register: 10,
  modify: 6,
  unregister: 5,
  unknown: 1,
  refused: 1,
  send: 8,
  fill: 1,
  read: 6,
  shutdown: 2,
  close: 3,
  drop: 3,
  reset: 1,
  duplicate: 2,
  wakeup: 1,
  wake: 1,
  wait: 1,
};
const number = fc.nat(999);
/** Shown as `send(17, 4)`, so that a failing list can be read. */
const call = <N extends string>(name: N) =>
  fc.tuple(number, number).map(([which, how]) => ({
    name,
    which,
    how,
    [fc.toStringMethod]: () => `${name}(${which}, ${how})`,
  }));
const action = fc.oneof(
  ...Object.entries(weights).map(([name, weight]) => ({
    weight,
    arbitrary: call(name as Action["name"]),
  })),
);
/** dup2 over a number: one that was closed while registered, or one that is open. */
const reuse = call("reuse");
const batch = fc.array(action, { maxLength: 8 }).map((callbacks) => ({
  name: "batch" as const,
  callbacks,
  [fc.toStringMethod]: () => `batch(${callbacks.map(fc.stringify).join(", ")})`,
}));
const step = fc.oneof(
  { weight: 12, arbitrary: action },
  { weight: 2, arbitrary: batch },
  { weight: 1, arbitrary: reuse },
);
type Step = Action | { name: "reuse"; which: number; how: number } | {
  name: "batch";
  callbacks: Action[];
};

function perform(world: World, step: Step): void {
  if (step.name === "batch") {
    return dispatchBatch(world, (n) => {
      const inner = step.callbacks[n];
      // A callback must not wait; and that a wake-up is for the next wait, check() sees to.
      if (inner && inner.name !== "wait") actions[inner.name](world, inner.which, inner.how);
    });
  }
  if (step.name !== "reuse") return actions[step.name](world, step.which, step.how);
  const [fd, end] = world.open[step.which % world.open.length] ?? [-1];
  const numbers = [...world.registered.keys()].filter((number) => number !== fd);
  const number = numbers[step.how % numbers.length];
  if (end && number !== undefined) world.give(number, fd, end, c.dup2);
}

/** Runs lists of steps until the time is over; throws with the seed and the shortest failing list. */
function hammer(
  create: () => Selector<number>,
  limitMs: number,
): { lists: number; pairs: number; steps: number; late: number } {
  const total = { lists: 0, pairs: 0, steps: 0, late: 0 };
  using listener = Socket.listen({ host: "127.0.0.1" });
  const run = (steps: Step[]) => {
    using world = new World(create(), listener);
    for (let i = 0; i < 4; i++) world.connect(i % 2 === 0 ? "unix" : "tcp");
    for (const step of steps) {
      perform(world, step);
      world.check();
    }
    total.lists++;
    total.pairs += world.pairs;
    total.steps += steps.length;
    total.late += world.late;
  };
  fc.assert(fc.property(fc.array(step, { maxLength: 150, size: "max" }), run), {
    seed: SEED,
    path: process.env.IOMUX_PATH ?? "",
    numRuns: 1_000_000,
    interruptAfterTimeLimit: limitMs,
    includeErrorInReport: true,
  });
  return total;
}

describe("a hammer of random calls finds the selector in agreement with the model", () => {
  for (const name of names) {
    it(name, () => {
      if (process.platform === "win32") return console.log("not run: hammer: sockets have no dup2");
      console.log(`hammer: ${name}, IOMUX_SEED=${SEED}`);
      const { lists, pairs, steps, late } = hammer(
        () => createSelector(name),
        LIMIT_MS,
      );
      console.log(
        `hammer: ${name}, ${steps} steps in ${lists} lists, ${pairs} pairs, late ${late}`,
      );
      expect(lists).toBeGreaterThan(0);
    });
  }

  // Its code for the BSDs, where there are none: see tests/selectors/kqueue_test.ts.
  for (const played of process.platform === "linux" ? ["darwin", "freebsd"] as const : []) {
    it(`kqueue over a model of ${played}`, () => {
      const create = <T>() => new ModelKqueueSelector<T>(new ModelKqueue(played));
      const { steps } = hammer(create, LIMIT_MS / 4);
      console.log(`hammer: kqueue over a model of ${played}, ${steps} steps`);
      expect(steps).toBeGreaterThan(0);
    });
  }

  it("and finds a planted defect: a key that asked for both is told of one", () => {
    if (process.platform === "win32") return console.log("not run: hammer: sockets have no dup2");
    const spoilt = () => {
      const inner = createSelector<number>("auto");
      const dispatch = inner.dispatch.bind(inner);
      const spoil = (key: SelectorKey<number>, events: number) => key.events === 3 ? 1 : events;
      return Object.assign(inner, {
        dispatch: (
          timeoutMs: number | undefined,
          callback: (key: SelectorKey<number>, events: number) => void,
        ) => dispatch(timeoutMs, (key, events) => callback(key, spoil(key, events))),
      });
    };
    expect(() => hammer(spoilt, 1000)).toThrow(/Counterexample/);
  });
});
