// The contract suite for every selector that this system has.
import { expect, it } from "bun:test";
import { availableSelectors, createSelector, DefaultSelector } from "../../lib/selectors/mod.ts";
import { selectorContract } from "../contracts/selector.ts";

const available = availableSelectors().filter((selector) => selector.available);

it("availableSelectors() finds several to run the contract suite for", () => {
  const names = available.map(({ name }) => name);
  for (const name of ["select", "poll", "epoll"] as const) expect(names.includes(name)).toBe(true);
});

for (const { name } of available) {
  selectorContract(name, <T>() => createSelector<T>(name));
}

it("DefaultSelector is one of them", () => {
  using selector = new DefaultSelector();
  expect(available.map(({ name }) => name).includes(selector.name)).toBe(true);
});
