// Things that know their place: what is in the bag, whatever goes while it is looked at.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { Bag } from "../../lib/engine/mod.ts";

interface Item {
  name: number;
  place: number;
}
const newBag = () =>
  new Bag<Item>({ get: (item) => item.place, set: (item, place) => item.place = place });

const names = (bag: Bag<Item>): number[] => {
  const found: number[] = [];
  bag.each(({ name }) => found.push(name));
  return found.toSorted((a, b) => a - b);
};

describe("Bag", () => {
  it("holds what a Set would hold", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 60 }), (toggles) => {
        const items = Array.from({ length: 10 }, (_, name): Item => ({ name, place: -1 }));
        const bag = newBag();
        const set = new Set<Item>();
        for (const name of toggles) {
          const item = items[name]!;
          if (set.delete(item)) bag.delete(item);
          else bag.add(item), set.add(item);
          expect(bag.size).toBe(set.size);
        }
        expect(names(bag)).toEqual([...set].map(({ name }) => name).toSorted((a, b) => a - b));
        for (const item of items) expect(item.place !== -1).toBe(set.has(item));
      }),
    );
  });

  it("visits all whatever goes meanwhile, and none that is gone", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(9), { maxLength: 3 }), { maxLength: 10 }), (goes) => {
        const bag = newBag();
        const items = Array.from({ length: 10 }, (_, name): Item => ({ name, place: -1 }));
        for (const item of items) bag.add(item);
        const [seen, gone] = [new Set<number>(), new Set<number>()];
        bag.each(({ name }) => {
          expect(gone.has(name)).toBe(false);
          seen.add(name);
          for (const other of goes[name] ?? []) {
            bag.delete(items[other]!);
            gone.add(other);
          }
        });
        // One may be met again that another's place was given to, but none is left out.
        for (const { name } of items) expect(seen.has(name) || gone.has(name)).toBe(true);
      }),
    );
  });

  it("lets go twice as once, and keeps the order until then", () => {
    const bag = newBag();
    const [a, b, c] = [0, 1, 2].map((name): Item => ({ name, place: -1 })) as [Item, Item, Item];
    for (const item of [a, b, c]) bag.add(item);
    expect(bag.inOrder).toEqual([a, b, c]);
    bag.delete(b);
    bag.delete(b);
    expect(names(bag)).toEqual([0, 2]);
  });
});
