import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Epochs } from '../../../src/near/eviction/epochs.js';
import { epochCircle } from '../../../src/near/eviction/use-word.js';
import { seededRandom } from '../../support/seeded-random.js';

/** Uses keys, and says of each use whether LRU would have hit: by epochs, and by a plain list of keys in order of their last use. */
class BothWays {
  readonly epochs: Epochs;
  private readonly lastUse = new Map<number, number>();
  private list: number[] = [];

  constructor(readonly capacity: number) {
    this.epochs = new Epochs(capacity);
  }

  use(key: number): { byEpochs: boolean; distance: number } {
    const last = this.lastUse.get(key);
    const age = last === undefined ? undefined : this.epochs.age(last);
    const byEpochs = age !== undefined && this.epochs.isWithinReach(age);
    const place = this.list.lastIndexOf(key);
    const distance = place === -1 ? Infinity : this.list.length - place;
    if (age !== 0) {
      if (age !== undefined) this.epochs.leave(age);
      this.lastUse.set(key, this.epochs.current);
      this.epochs.enter();
    }
    this.list = [...this.list.filter((one) => one !== key), key];
    return { byEpochs, distance };
  }
}

describe('Epochs', () => {
  it('knows whether LRU would hit, to a quarter of the capacity', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 64 }), fc.integer(), (capacity, seed) => {
        const both = new BothWays(capacity);
        const random = seededRandom(seed);
        const keys = 1 + Math.floor(random() * 3 * capacity);
        for (let use = 0; use < 600; use++) {
          const { byEpochs, distance } = both.use(Math.floor(random() ** 2 * keys));
          const slack = 2 * Math.ceil(capacity / 8) + 1;
          if (distance <= capacity - slack) expect(byEpochs).toBe(true);
          if (distance > capacity + slack) expect(byEpochs).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('goes round its circle of epochs without a trace', () => {
    const both = new BothWays(8);
    for (let use = 0; use < 2 * epochCircle; use++) both.use(use % 6);
    expect(both.use(0).byEpochs).toBe(true);
    for (let use = 100; use < 140; use++) both.use(use);
    expect(both.use(0).byEpochs).toBe(false);
  });

  it('of a map of one hold the key that was used last', () => {
    const epochs = new Epochs(1);
    epochs.enter();
    expect([0, 1, 2].map((age) => epochs.isWithinReach(age))).toEqual([true, true, false]);
  });

  it('reach less far once the map is smaller', () => {
    const both = new BothWays(64);
    for (let use = 0; use < 40; use++) both.use(use);
    expect(both.use(0).byEpochs).toBe(true);
    both.epochs.resize(16);
    for (let use = 100; use < 120; use++) both.use(use);
    expect(both.use(1).byEpochs).toBe(false);
    expect(both.use(119).byEpochs).toBe(true);
  });
});
