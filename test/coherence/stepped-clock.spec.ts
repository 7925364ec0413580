import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
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
    const loading = load('old');
    await fleet.deliver(/^B <- read the feed/);
    expect(await fleet.done(loading, /^B .* n:1::k/)).toBe('old');
    expect(await fleet.done(a.cache.delete('k'), /^A/)).toBe(true);
    await fleet.later(1_300);
    expect(await fleet.done(load('new'))).toBe('new');
  });
});

describe('a wall clock that is set back', () => {
  let fleet: ScriptedFleet;
  beforeEach(() => {
    fleet = new ScriptedFleet();
  });
  afterEach(() => fleet.close());

  it.each([
    ['getOrSet', (cache: TieredCache) => cache.getOrSet('k', () => 'new', { ttl: '1h' })],
    ['get', (cache: TieredCache) => cache.get('k')],
    ['peek', (cache: TieredCache) => Promise.resolve(cache.peek('k'))],
  ])('T4 leaves nothing of before to the %s that finds it so', async (_, ask) => {
    const a = await fleet.process('A');
    const b = await fleet.process('B');
    // The store has no part in it: what vouches for the copy is its own age.
    fleet.network.away.add(0);
    expect(await fleet.done(b.cache.getOrSet('k', () => 'old', { ttl: '1h' }))).toBe('old');
    expect(b.cache.peek('k')).toBe('old');
    fleet.network.away.clear();
    expect(await fleet.done(a.cache.delete('k'), /^A/)).toBe(true);
    b.clock.stepBy(-30_000);
    expect(await fleet.done(ask(b.cache))).not.toBe('old');
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
