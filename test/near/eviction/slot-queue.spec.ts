import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SlotQueue } from '../../../src/near/eviction/slot-queue.js';
import { Slots } from '../../../src/near/eviction/slots.js';

const commands = fc.array(fc.tuple(fc.constantFrom('push', 'remove', 'rotate'), fc.nat()), { maxLength: 400 });

describe('SlotQueue', () => {
  it('is an array that is pushed at its end, rotated, and cut anywhere', () => {
    fc.assert(
      fc.property(commands, fc.constantFrom(500, 70_000), (calls, maxEntries) => {
        const slots = new Slots(maxEntries);
        const queue = new SlotQueue(slots);
        let model: number[] = [];
        for (const [call, number] of calls) {
          if (call === 'push') {
            const slot = slots.take(`key:${number}`, 1 + (number % 9));
            queue.push(slot);
            model.push(slot);
          } else if (model.length > 0 && call === 'remove') {
            const slot = model[number % model.length] as number;
            queue.remove(slot);
            slots.release(slot);
            model = model.filter((one) => one !== slot);
          } else if (model.length > 0) {
            queue.rotate();
            model.push(model.shift() as number);
          }
          expect(contentsOf(queue, slots)).toEqual(model);
          expect(queue.length).toBe(model.length);
          expect(queue.bytes).toBe(model.reduce((sum, slot) => sum + (slots.bytes[slot] as number), 0));
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('Slots', () => {
  it('hands out each slot once, and freed ones before new ones', () => {
    const slots = new Slots(100);
    const taken = Array.from({ length: 100 }, (_, index) => slots.take(`key:${index}`, 1));
    expect(new Set(taken).size).toBe(100);
    expect(Math.max(...taken)).toBe(100);
    slots.release(17);
    slots.release(3);
    expect([slots.take('a', 1), slots.take('b', 1)].sort()).toEqual([17, 3]);
    expect(slots.used).toBe(100);
  });
});

function contentsOf(queue: SlotQueue, slots: Slots): number[] {
  const found: number[] = [];
  for (let slot = queue.head; slot !== 0; slot = slots.next[slot] as number) found.push(slot);
  return found;
}
