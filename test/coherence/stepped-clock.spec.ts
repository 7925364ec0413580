import { afterEach, describe, expect, it } from '@jest/globals';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';

describe('a wall clock that is set back while the feed is read', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  it('T4 what the reading vouches for ends within the bound, by the new time', async () => {
    const a = await fleet.process('A');
    const b = await fleet.process('B');
    await fleet.later(1_000);
    await fleet.deliver(/^B -> read the feed/);
    b.clock.stepBy(-3_600_000);
    const load = (value: string) => b.cache.getOrSet('k', () => value, { ttl: '1h' });
    expect(await fleet.done(load('old'), /^B .* n:1::k/)).toBe('old');
    await fleet.deliver(/^B <- read the feed/);
    expect(await fleet.done(a.cache.delete('k'), /^A/)).toBe(true);
    await fleet.later(1_300);
    expect(await fleet.done(load('new'))).toBe('new');
  });
});

describe('a process that stood still', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  it('T4 believes nothing for being blind when it wakes, and cannot read the feed', async () => {
    const a = await fleet.process('A');
    const b = await fleet.process('B', { coherence: { interval: 1_000, blindFor: 5_000 } });
    const load = (value: string) => b.cache.getOrSet('k', () => value, { ttl: '1h' });
    expect(await fleet.done(load('old'))).toBe('old');
    expect(await fleet.done(a.cache.delete('k'), /^A/)).toBe(true);
    fleet.clock.skip(7_000);
    fleet.network.away.add(0);
    await fleet.later(0);
    await fleet.deliverAll();
    expect(await fleet.done(load('new'))).toBe('new');
  });
});
