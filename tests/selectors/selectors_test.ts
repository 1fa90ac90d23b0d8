// The contract suite for every selector that this system has.
import { expect, it } from "bun:test";
import { availableSelectors, createSelector, DefaultSelector } from "../../lib/selectors/mod.ts";
import type { SelectorName } from "../../lib/selectors/mod.ts";
import { on } from "../../lib/sys/system.ts";
import { selectorContract } from "../contracts/selector.ts";
import { full } from "../support/runtime.ts";
import { EMULATED, onWindows } from "../support/systems.ts";

const EXPECTED: SelectorName[] = on(
  ["select", "poll", "epoll"],
  ["select", "poll", "kqueue"],
  ["select", "poll", "kqueue"],
  ["select", "wsapoll"],
);
const all = availableSelectors();
const available = all.filter((selector) => selector.available);

for (const { name, available, reason } of all) {
  if (!available) console.log(`not run: ${name}: ${reason}`);
}

it("availableSelectors() finds several to run the contract suite for", () => {
  const names = available.map(({ name }) => name);
  for (const name of EXPECTED) expect(names.includes(name)).toBe(true);
});

// Of Deno and Node, and of an emulated machine, all backends are in readiness_test.ts; the whole contract of each
// is IOMUX_TEST_FULL's.
const best = createSelector();
best.close();
const everywhere = full || onWindows || (process.versions.bun !== undefined && !EMULATED);
for (const { name } of available.filter(({ name }) => everywhere || name === best.name)) {
  selectorContract(name, <T>() => createSelector<T>(name));
}

it("DefaultSelector is one of them", () => {
  using selector = new DefaultSelector();
  expect(available.map(({ name }) => name).includes(selector.name)).toBe(true);
});
