import { describe, expect, it } from '@jest/globals';
import { InvalidatedNames } from '../../src/coherence/invalidated-names.js';
import { seededRandom } from '../support/seeded-random.js';

const maxNames = 100;

describe('The memory of invalidated names', () => {
  it.each([1, 2, 3])(
    'never takes a name for one that was not named since, and knows the last ones (seed %d)',
    (seed) => {
      const random = seededRandom(seed);
      const names = new InvalidatedNames(maxNames);
      /** Everything that was ever named, and in which order. */
      const model: string[] = [];
      let wrongly = 0;
      for (let step = 0; step < 5_000; step++) {
        if (random() < 0.001) {
          names.nameAll();
          model.push('*');
        } else {
          const name = `name ${Math.floor(300 * random() ** 3)}`;
          names.name(name);
          model.push(name);
        }
        expect(names.position).toBe(model.length);
        const asked = `name ${Math.floor(300 * random() ** 3)}`;
        const since = Math.max(0, model.length - Math.floor(400 * random()));
        const tail = model.slice(since);
        const isNamed = tail.includes(asked) || tail.includes('*');
        const isTold = names.namedSince(asked, since);
        if (isNamed) expect(isTold).toBe(true);
        else if (tail.length < maxNames / 2) expect(isTold).toBe(false);
        else if (isTold) wrongly++;
      }
      // What is forgotten counts as named: that costs a load, and is not for nothing.
      expect(wrongly).toBeGreaterThan(0);
    },
  );

  it('holds no more names than it is to hold, withdrawn ones among them', () => {
    const names = new InvalidatedNames(maxNames);
    for (let index = 0; index < 1_000; index++) {
      names.withdraw(`withdrawn ${index}`);
      names.name(`named ${index}`);
      const { recent, older, beforeWithdrawal } = names as unknown as Record<string, Map<string, number>>;
      expect((recent?.size ?? 0) + (older?.size ?? 0)).toBeLessThanOrEqual(maxNames);
      expect(beforeWithdrawal?.size).toBeLessThanOrEqual(maxNames);
    }
  });

  it('tells whether anything at all was named since', () => {
    const names = new InvalidatedNames(maxNames);
    const before = names.position;
    names.name('a');
    expect([names.anyNamedSince(before), names.anyNamedSince(names.position)]).toEqual([true, false]);
  });

  it('tells a name that was only withdrawn from one that was invalidated, also when others came in between', () => {
    const names = new InvalidatedNames(maxNames);
    names.name('a');
    const { position } = names;
    names.withdraw('a');
    for (let index = 0; index < 30; index++) names.name(`other ${index}`);
    names.withdraw('a');
    for (let index = 0; index < 30; index++) names.name(`another ${index}`);
    expect([names.namedSince('a', position), names.invalidatedSince('a', position)]).toEqual([true, false]);
    expect(names.invalidatedSince('a', position - 1)).toBe(true);
    names.name('a');
    expect(names.invalidatedSince('a', position)).toBe(true);
  });
});
