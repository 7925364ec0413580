import { describe, expect, it } from '@jest/globals';
import { Shares } from '../../../src/near/eviction/shares.js';
import type { SlotQueue } from '../../../src/near/eviction/slot-queue.js';

const queue = (length: number, bytes: number): SlotQueue => ({ length, bytes }) as SlotQueue;

describe('the shares of 1,000 entries and 100,000 bytes', () => {
  // To begin with, 3 % are for what is new.
  it.each([
    ['entries', false, queue(971, 1), queue(970, 1), queue(969, 1)],
    ['bytes', true, queue(1, 97_001), queue(1, 97_000), queue(1, 96_999)],
  ] as const)('are told by %s where those are short', (_, byBytes, over, full, under) => {
    const shares = new Shares(1_000, 100_000);
    shares.measure(byBytes);
    expect([over, full, under].map((main) => shares.isMainOver(main))).toEqual([true, false, false]);
    expect([over, full, under].map((main) => shares.hasMainRoom(main))).toEqual([false, false, true]);
    expect([queue(30, 3_000), queue(29, 2_999), queue(0, 0)].map((small) => shares.isSmallFull(small))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('grow and shrink between 1 % and 30 %', () => {
    const shares = new Shares(1_000, 100_000);
    shares.growSmall(10_000);
    expect([shares.isSmallFull(queue(299, 0)), shares.isSmallFull(queue(300, 0))]).toEqual([false, true]);
    shares.growSmall(-10_000);
    expect([shares.isSmallFull(queue(9, 0)), shares.isSmallFull(queue(10, 0))]).toEqual([false, true]);
  });
});
