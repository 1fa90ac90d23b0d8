// A set whose items know their index: what is in it, whatever goes while it is visited.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { IndexedSet } from "../../../../lib/stress/generator/connections/indexed_set.ts";

interface Item {
  name: number;
  index: number;
}
const newSet = () =>
  new IndexedSet<Item>({ get: (item) => item.index, set: (item, index) => item.index = index });

const names = (indexed: IndexedSet<Item>): number[] => {
  const found: number[] = [];
  indexed.each(({ name }) => found.push(name));
  return found.toSorted((a, b) => a - b);
};

describe("IndexedSet", () => {
  it("holds what a Set would hold", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 60 }), (toggles) => {
        const items = Array.from({ length: 10 }, (_, name): Item => ({ name, index: -1 }));
        const indexed = newSet();
        const set = new Set<Item>();
        for (const name of toggles) {
          const item = items[name]!;
          if (set.delete(item)) indexed.delete(item);
          else indexed.add(item), set.add(item);
          expect(indexed.size).toBe(set.size);
        }
        expect(names(indexed)).toEqual([...set].map(({ name }) => name).toSorted((a, b) => a - b));
        for (const item of items) expect(item.index !== -1).toBe(set.has(item));
      }),
    );
  });

  it("visits all whatever goes meanwhile, and none that is gone", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(9), { maxLength: 3 }), { maxLength: 10 }), (goes) => {
        const indexed = newSet();
        const items = Array.from({ length: 10 }, (_, name): Item => ({ name, index: -1 }));
        for (const item of items) indexed.add(item);
        const [seen, gone] = [new Set<number>(), new Set<number>()];
        indexed.each(({ name }) => {
          expect(gone.has(name)).toBe(false);
          seen.add(name);
          for (const other of goes[name] ?? []) {
            indexed.delete(items[other]!);
            gone.add(other);
          }
        });
        // One may be met again that another's index was given to, but none is left out.
        for (const { name } of items) expect(seen.has(name) || gone.has(name)).toBe(true);
      }),
    );
  });

  it("deletes twice as once, and keeps the order until then", () => {
    const indexed = newSet();
    const [a, b, c] = [0, 1, 2].map((name): Item => ({ name, index: -1 })) as [Item, Item, Item];
    for (const item of [a, b, c]) indexed.add(item);
    expect(indexed.inOrder).toEqual([a, b, c]);
    indexed.delete(b);
    indexed.delete(b);
    expect(names(indexed)).toEqual([0, 2]);
  });
});
