// The output queue against a model that is one plain array of bytes.
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { OutputQueue } from "../../lib/engine/queue.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";

type Step = { push: number } | { take: number } | { clear: true };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ push: fc.oneof(fc.nat(40), fc.nat(5000), fc.nat(200_000)) }),
  },
  { weight: 6, arbitrary: fc.record({ take: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.constant({ clear: true as const }) },
);

describe("OutputQueue", () => {
  it("gives out the bytes that were pushed, in order, for any pushes and takes", () => {
    const source = pattern(200_000);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const queue = new OutputQueue();
        let model = new Uint8Array(new ArrayBuffer(0));
        for (const step of steps) {
          if ("push" in step) {
            const bytes = source.slice(0, step.push);
            queue.push(bytes);
            model = Uint8Array.from(Buffer.concat([model, bytes]));
            bytes.fill(0); // the queue has a copy
          } else if ("take" in step) {
            const view = queue.peek();
            if (model.length > 0) expect(view.length).toBeGreaterThan(0);
            expectSameBytes(view, model.subarray(0, view.length));
            const count = Math.floor(view.length * step.take);
            if (model.length > 0) queue.consume(count);
            model = model.slice(count);
          } else {
            queue.clear();
            model = model.slice(0, 0);
          }
          expect(queue.length).toBe(model.length);
        }
        while (queue.length > 0) {
          const view = queue.peek();
          expectSameBytes(view, model.subarray(0, view.length));
          model = model.slice(view.length);
          queue.consume(view.length);
        }
        expect(model.length).toBe(0);
        expect(queue.peek().length).toBe(0);
      }),
      { numRuns: 150, interruptAfterTimeLimit: 3000 },
    );
  });

  it("uses the memory of what was sent again, for other queues as well", () => {
    const queues = Array.from({ length: 10 }, () => new OutputQueue());
    for (const length of [1, 1000, 1025, 9000, 60_000, 65_536]) {
      const memory = new Set<ArrayBufferLike>();
      const bytes = pattern(length);
      for (let round = 0; round < 200; round++) {
        const queue = queues[round % 10]!;
        for (let i = 0; i < 3; i++) queue.push(bytes);
        while (queue.length > (round % 2) * length) {
          memory.add(queue.peek().buffer);
          queue.consume(queue.peek().length);
        }
        if (round % 7 === 0) queue.clear();
      }
      expect(memory.size).toBeLessThan(60);
    }
  });

  it("keeps no more memory than a little when much was queued", () => {
    const queue = new OutputQueue();
    const bytes = pattern(65_536);
    const memory = new Set<ArrayBufferLike>();
    let again = 0;
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1000; i++) queue.push(bytes);
      while (queue.length > 0) {
        const { buffer, length } = queue.peek();
        if (round === 0) memory.add(buffer);
        else if (memory.has(buffer)) again++;
        queue.consume(length);
      }
    }
    expect(again).toBeLessThan(200);
  });

  it("keeps many short messages in few chunks", () => {
    const queue = new OutputQueue();
    const message = pattern(10);
    for (let i = 0; i < 10_000; i++) queue.push(message);
    let views = 0;
    for (; queue.length > 0; views++) queue.consume(queue.peek().length);
    expect(views).toBeLessThan(20);
  });
});
