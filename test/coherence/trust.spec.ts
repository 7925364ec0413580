import { describe, expect, it } from '@jest/globals';
import { BlindTrust, CombinedTrust, lastingTrust, ShardTrust } from '../../src/coherence/trust.js';

const [one, other, third] = [new ShardTrust(10), new ShardTrust(20), new ShardTrust(30)];

describe('How long a copy may be believed', () => {
  it('is as long as its feed was read ahead, and what was missed there alone could have named it', () => {
    expect(one.until).toBe(10);
    expect([one.covers(one), one.covers(other), one.covers(new ShardTrust(10))]).toEqual([true, false, false]);
  });

  it('is as long as the least of the feeds that could name it, which are all of them', () => {
    const combined = new CombinedTrust([other, one]);
    expect(combined.until).toBe(10);
    expect([combined.covers(one), combined.covers(other), combined.covers(third)]).toEqual([true, true, false]);
    expect(new CombinedTrust([]).until).toBe(Infinity);
  });

  it('is the longer of its own age and its feed, where the store had no part in its load', () => {
    expect(new BlindTrust(one, 15).until).toBe(15);
    expect(new BlindTrust(other, 15).until).toBe(20);
    expect([new BlindTrust(one, 15).covers(one), new BlindTrust(one, 15).covers(other)]).toEqual([true, false]);
  });

  it('never ends for what only its own request holds', () => {
    expect(lastingTrust.until).toBe(Infinity);
    expect(lastingTrust.covers(one)).toBe(false);
  });
});
