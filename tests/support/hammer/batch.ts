// One dispatch whose callbacks do things: to the key itself, to others that are ready in the same batch,
// to the connections. Which events may be told then is known from what was ready when it began.
import type { SelectorKey } from "../../../lib/selectors/mod.ts";
import type { Registered } from "./model.ts";
import { expectSame, type World } from "./world.ts";

interface Told {
  readonly registered: Registered;
  readonly key: SelectorKey<number>;
  readonly must: number;
  readonly ready: number;
}

/** Dispatches once; `act(n)` is what the n-th callback does. */
export function dispatchBatch(world: World, act: (n: number) => void): void {
  world.check(); // so that all is known to have arrived
  const { selector, name } = world;
  const expected = new Map<Registered, Told>();
  for (const registered of world.registered.values()) {
    const { must } = registered.forecast(name);
    const { may } = registered.end.readiness(name);
    const ready = registered.fate === "reused" ? 3 : may;
    expected.set(registered, { registered, key: registered.key, must, ready });
  }
  const told = new Set<Registered>();
  let calls = 0;
  const called = selector.dispatch(0, (key, events) => {
    const registered = world.registered.get(key.fd);
    const before = registered && expected.get(registered);
    if (!registered || !before) {
      throw new Error(`told of ${key.fd}, which was not registered when the batch began`);
    }
    if (told.has(registered) && registered.fate !== "reused") {
      throw new Error(`told twice of ${key.fd} in one batch`);
    }
    told.add(registered);
    expectSame(key, registered.key, `the key of ${key.fd} in a batch`);
    if (events === 0 || events & ~(before.ready & key.events)) {
      throw new Error(`told ${events} of ${key.fd}, ready was ${before.ready} of ${key.events}`);
    }
    if (key === before.key && registered.fate === "open" && before.must & ~events) {
      throw new Error(`told ${events} of ${key.fd}, ready was at least ${before.must}`);
    }
    act(calls++);
  });
  world.pinged = false;
  expectSame(called, calls, "the number of callbacks");
  for (const { registered, key, must } of expected.values()) {
    const untouched = world.registered.get(registered.fd) === registered &&
      registered.fate === "open" && registered.key === key;
    if (untouched && must !== 0 && !told.has(registered)) {
      throw new Error(`descriptor ${registered.fd} was ready (${must}) and not told in the batch`);
    }
  }
  world.check();
}
