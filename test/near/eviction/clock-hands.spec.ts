import { beforeEach, describe, expect, it } from '@jest/globals';
import { ClockHands } from '../../../src/near/eviction/clock-hands.js';
import { Epochs } from '../../../src/near/eviction/epochs.js';
import { Shares } from '../../../src/near/eviction/shares.js';
import { SlotQueue } from '../../../src/near/eviction/slot-queue.js';
import { Slots } from '../../../src/near/eviction/slots.js';
import { creditOf, epochShift, maxCredit } from '../../../src/near/eviction/use-word.js';

const capacity = 200;
let slots: Slots;
let small: SlotQueue;
let main: SlotQueue;
let epochs: Epochs;
let hands: ClockHands;

beforeEach(() => {
  slots = new Slots(capacity);
  [small, main, epochs] = [new SlotQueue(slots), new SlotQueue(slots), new Epochs(capacity)];
  hands = new ClockHands(slots, small, main, new Shares(capacity, 1e9), epochs);
});

function add(queue: SlotQueue, count: number, credit: number, epoch = 0): void {
  for (let added = 0; added < count; added++) {
    const slot = slots.take(`key:${slots.used}`, 1);
    slots.uses[slot] = (epoch << epochShift) | credit;
    queue.push(slot);
  }
}
const credits = (...of: number[]): number[] => of.map((slot) => creditOf(slots.uses[slot] as number));

describe('The hand of the main queue', () => {
  it('passes those that have credit, each for its price, and stops at the first that has none', () => {
    add(main, 2, maxCredit);
    add(main, 1, 0);
    expect(hands.nextOfMain(1)).toBe(3);
    expect(credits(1, 2, 3)).toEqual([2, 2, 0]);
  });

  it('takes what it has reached after 64 steps', () => {
    add(main, 100, 1);
    expect(hands.nextOfMain(1)).toBe(65);
    expect(credits(64, 65)).toEqual([0, 1]);
  });
});

describe('What is least worth keeping', () => {
  it('is the head of a full small queue; those that were used go on to the main queue without their credit', () => {
    add(small, 2, 1);
    add(small, 20, 0);
    expect(hands.leastWorth()).toBe(3);
    expect([small.length, main.length, main.head]).toEqual([20, 2, 1]);
    expect(credits(1, 2)).toEqual([0, 0]);
  });

  it('is what is reached after 64 steps, used or not', () => {
    add(small, 100, 1);
    expect(hands.leastWorth()).toBe(65);
    expect([small.length, main.length]).toEqual([36, 64]);
  });

  it('is of the main queue where the small one is not full', () => {
    add(small, 1, 0);
    add(main, 10, 0);
    expect(hands.leastWorth()).toBe(2);
  });
});

describe('What was used least recently', () => {
  it('is the older of the two heads, by epochs, and that of the small queue among equals', () => {
    add(small, 1, 0, 1);
    add(main, 1, 0, 1);
    expect(hands.leastRecent()).toBe(1);
    epochs.current = 3;
    slots.uses[2] = 2 << epochShift;
    expect(hands.leastRecent()).toBe(1);
    slots.uses[2] = 0;
    expect(hands.leastRecent()).toBe(2);
  });

  it('is not what was used in the small queue, 64 of which go on at once', () => {
    add(small, 70, 1);
    expect(hands.leastRecent()).toBe(65);
    expect([small.length, main.length, main.head]).toEqual([6, 64, 1]);
  });

  it('is the head of the small queue where the main one is empty', () => {
    add(small, 3, 0);
    expect(hands.leastRecent()).toBe(1);
    expect([small.length, main.length]).toEqual([3, 0]);
  });
});
