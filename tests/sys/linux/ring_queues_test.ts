// The queues of an io_uring over plain memory, with counters near the ends of their ranges.
import { describe, expect, it } from "bun:test";
import { CompletionQueue, SubmissionQueue } from "../../../lib/sys/linux/ring_queues.ts";

const places = { head: 0, tail: 1, mask: 3 };

describe("the queues of an io_uring", () => {
  for (const start of [0, 0x7ffffffe, -2]) { // -2 is 2^32 - 2
    it(`submissions from ${start >>> 0} on: counted, written in turn, full and free again`, () => {
      const words = new Int32Array(2).fill(start);
      const queue = new SubmissionQueue(words, new Int32Array(4 * 16), places);
      const written: number[] = [];
      for (let i = 0; i < 4; i++) {
        expect([queue.waiting, queue.full]).toEqual([i, false]);
        written.push(queue.push(i, 0, 0, 0, 0, 0, 0, 0, 0) / 16);
      }
      expect(written).toEqual([0, 1, 2, 3].map((i) => (start + i) & 3));
      expect([queue.waiting, queue.full]).toEqual([4, true]);
      expect(queue.publish()).toBe(4);
      expect(words[1]! >>> 0).toBe((start + 4) >>> 0);
      words[0] = (start + 3) | 0; // the kernel has taken three
      queue.update();
      expect([queue.waiting, queue.full]).toEqual([1, false]);
    });

    it(`completions from ${start >>> 0} on: taken in order, scanned, and given back`, () => {
      const words = new Int32Array(2 + 4 * 4).fill(start, 0, 2);
      const queue = new CompletionQueue(words, places, 2);
      const put = (low: number) => {
        words.set([low, 9, low * 10, 2], 2 + (words[1]! & 3) * 4);
        words[1] = (words[1]! + 1) | 0;
      };
      expect(queue.ready).toBe(0);
      for (const low of [1, 2, 3]) put(low);
      expect(queue.ready).toBe(3);
      expect([queue.has(0xff, 9), queue.has(0xff, 8)]).toEqual([true, false]);
      queue.scan((low) => low === 2);
      const taken: number[][] = [];
      for (let left = queue.ready; left > 0; left--) {
        queue.next();
        taken.push([queue.low, queue.high, queue.result, queue.flags]);
      }
      expect(taken).toEqual([[1, 9, 10, 2], [0, 0, 20, 2], [3, 9, 30, 2]]);
      queue.release();
      expect([queue.ready, words[0]! >>> 0]).toEqual([0, (start + 3) >>> 0]);
    });
  }
});
