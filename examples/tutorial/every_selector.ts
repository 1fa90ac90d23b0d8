// Chapter 4: the same few lines over each selector that this system has.
// Run: bun examples/tutorial/every_selector.ts
import { availableSelectors, createSelector, EVENT_READ, socketPair } from "../../lib/mod.ts";

for (const { name, available, reason } of availableSelectors()) {
  if (!available) {
    console.log(`${name}: not here (${reason})`);
    continue;
  }
  using selector = createSelector<string>(name);
  const pairs = Array.from({ length: 3 }, socketPair);
  for (const [index, [, ours]] of pairs.entries()) {
    selector.register(ours, EVENT_READ, `client ${index}`);
  }
  pairs[1]![0].send(new TextEncoder().encode("hello"));
  const ready = selector.select(1000).map(([key]) => key.data);
  console.log(`${name}: ${pairs.length} registered, ready: ${ready}`);
  for (const pair of pairs) for (const socket of pair) socket.close();
}
