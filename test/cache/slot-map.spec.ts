import { expect, it } from '@jest/globals';
import { SlotMap } from '../../src/load/slot-map.js';

it('counts what is taken, and leaves a slot to who came later', () => {
  const slots = new SlotMap<object>();
  const [first, second] = [{}, {}];
  slots.set('a', first);
  slots.set('a', second);
  slots.leave('a', first);
  expect([slots.get('a'), slots.size]).toEqual([second, 1]);
  slots.leave('a', second);
  slots.leave('a', second);
  slots.leave('never', first);
  expect([slots.get('a'), slots.size]).toEqual([undefined, 0]);
});

it('drops empty slots in the end, and none that is taken', () => {
  const slots = new SlotMap<number>();
  slots.set('stays', 1);
  for (let number = 0; number < 10_000; number++) {
    slots.set(`key ${number}`, number);
    slots.leave(`key ${number}`, number);
  }
  expect([slots.get('stays'), slots.size]).toEqual([1, 1]);
  expect((slots as unknown as { slots: Map<string, number> }).slots.size).toBeLessThan(1_100);
});
